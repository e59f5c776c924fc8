const NOBODY_VOUCHES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);

/**
 * What an operator is to do about a server whose certificate is refused, by the code of Node's error; undefined when it is about something else.
 * @param caSetting where the file of an authority of one's own is named
 */
export function certificateAdvice(code: unknown, caSetting = 'NODE_EXTRA_CA_CERTS'): string | undefined {
  if (typeof code !== 'string') return undefined;
  if (NOBODY_VOUCHES.has(code))
    return `nobody who is known vouches for its certificate; name the file of the CA by ${caSetting}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'its certificate is for another host; its address must have a name that is in the certificate';
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired; it needs a new one';
  return undefined;
}

/** How a message about a server that cannot be reached goes on, where it is known what to do. */
export const withAdvice = (advice: string | undefined): string => (advice === undefined ? '' : `: ${advice}`);
