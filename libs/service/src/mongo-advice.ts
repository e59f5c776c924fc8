import { isNativeError } from 'node:util/types';
import { mongo } from 'mongoose';
import { certificateAdvice } from './certificate-advice.ts';

const AUTHENTICATION_FAILED = 18;

/**
 * What an operator is to look at when MongoDB cannot be reached, where the error tells. It speaks of the address and repeats nothing of it:
 * there may be a password in it.
 */
export function adviceOnMongo(error: unknown): string | undefined {
  if (error instanceof mongo.MongoServerError && error.code === AUTHENTICATION_FAILED)
    return 'it refuses the user or password of its address; the user may be in another database: say authSource=admin';
  for (const fault of faultsIn(error)) {
    const code = String('code' in fault ? fault.code : '');
    const ofCertificate = certificateAdvice(code, 'tlsCAFile in its address');
    if (ofCertificate) return ofCertificate;
    if (code === 'ENOENT' || code === 'EACCES')
      return `a file that its address names (tlsCAFile, tlsCertificateKeyFile) cannot be read (${code})`;
    if (/before secure TLS connection was established$/.test(fault.message))
      return 'it does not speak TLS; leave tls=true out of its address, or switch TLS on there';
    if (/^connection \S+ to \S+ closed$/.test(fault.message))
      return 'it closes the connection at once; where it speaks nothing but TLS, its address needs tls=true';
  }
  return undefined;
}

/** The error, what caused it, and what the driver found at each server. */
function faultsIn(error: unknown, depth = 0): Error[] {
  if (!isNativeError(error) || depth > 4) return [];
  const reason = 'reason' in error ? error.reason : undefined;
  const servers =
    typeof reason === 'object' && reason !== null && 'servers' in reason && reason.servers instanceof Map
      ? [...reason.servers.values()].map((server: { error?: unknown }) => server.error) // as the driver describes them
      : [];
  return [error, ...[error.cause, ...servers].flatMap((each) => faultsIn(each, depth + 1))];
}
