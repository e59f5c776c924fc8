import { isNativeError } from 'node:util/types';
import { certificateAdvice, ForeignOwner } from '@caregate/service';

/**
 * What an operator is to look at when Kafka cannot be reached, where the error tells. It speaks of the address and repeats nothing of it:
 * there may be a password in it.
 */
export function adviceOnKafka(error: unknown): string | undefined {
  if (error instanceof ForeignOwner) return error.message;
  for (let fault = error, depth = 0; isNativeError(fault) && depth < 5; fault = fault.cause, depth++) {
    const ofCertificate = certificateAdvice('code' in fault && fault.code);
    if (ofCertificate) return ofCertificate;
    if (fault.name === 'KafkaJSSASLAuthenticationError')
      return 'it refuses the user, the password or the mechanism of KAFKA_BROKERS';
    if (fault.name === 'KafkaJSConnectionClosedError')
      return 'it closes the connection; where it wants TLS, KAFKA_BROKERS must begin with kafkas://, and where it wants a user, with kafkas://user:password@';
    if (/before secure TLS connection was established$/.test(fault.message))
      return 'it does not speak TLS at this port; kafkas:// is for one that does';
  }
  return undefined;
}
