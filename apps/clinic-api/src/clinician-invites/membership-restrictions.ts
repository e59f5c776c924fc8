import type { ClinicDocument } from '@caregate/clinic-model';

export interface Joining {
  readonly canAccept: boolean;
  /** The identity provider through which the person must sign in. */
  readonly requiredIdp?: string;
}

/**
 * Says whether the owner of an email may become a member. A clinic without restrictions takes everybody; one with
 * restrictions only emails whose domain is exactly one of theirs. Where a restriction asks for an identity provider, the
 * person must have signed in through it, and no session tells by which provider it began: so nobody passes, and
 * the answer names the provider.
 */
export function mayJoin(
  { membershipRestrictions = [] }: Pick<ClinicDocument, 'membershipRestrictions'>,
  email: string,
): Joining {
  if (membershipRestrictions.length === 0) return { canAccept: true };
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  const fitting = membershipRestrictions.filter(({ emailDomain }) => emailDomain.toLowerCase() === domain);
  if (fitting.some(({ requiredIdp }) => !requiredIdp)) return { canAccept: true };
  const requiredIdp = fitting[0]?.requiredIdp;
  return { canAccept: false, ...(requiredIdp && { requiredIdp }) };
}
