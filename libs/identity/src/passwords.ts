import { hash, verify } from '@node-rs/argon2';
import { BadRequest, ServiceUnavailable } from '@caregate/service';
import pLimit from 'p-limit';

/** argon2id with the parameters that OWASP names first (Password Storage Cheat Sheet): 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const CURRENT = `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=${COST.parallelism}$`;
const PHC = /^\$argon2id\$v=19\$m=\d{1,7},t=\d{1,3},p=\d{1,3}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;

export const SHORTEST_PASSWORD = 8;
/** Longer ones only cost time. */
export const LONGEST_PASSWORD = 256;

/** Each hash takes a core and 19 MiB, so few run at once, and a queue that would take seconds is refused instead. */
const hashing = pLimit(2);
const LONGEST_QUEUE = 64;

/**
 * Hashes a password that someone chose (NIST SP 800-63B, section 5.1.1.2: at least 8 characters, no rules of composition).
 * @throws {BadRequest} when it is too short or too long
 * @throws {ServiceUnavailable} when too many are being hashed
 */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < SHORTEST_PASSWORD)
    throw new BadRequest(`the password is too short: use at least ${SHORTEST_PASSWORD} characters`);
  if (password.length > LONGEST_PASSWORD)
    throw new BadRequest(`the password is too long: use at most ${LONGEST_PASSWORD} characters`);
  return takingTurns(() => hash(normal(password), COST));
}

/** Says whether a text is an argon2id hash in PHC notation, as `hashPassword` makes them. */
export function isPasswordHash(text: string): boolean {
  return PHC.test(text);
}

/** Whether the hash was made with other costs than today's, and is to be made anew at the next sign-in. */
export function isOutdated(passwordHash: string): boolean {
  return !passwordHash.startsWith(CURRENT);
}

let anyHash: Promise<string> | undefined;

/**
 * Whether the password is the hashed one. Without a hash (unknown email, account without password) it takes
 * just as long and is false, so that the time tells nobody which emails have accounts.
 */
export async function isPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  if (password.length > LONGEST_PASSWORD) return false;
  const stored = passwordHash ?? (await (anyHash ??= hash('a password that nobody has', COST)));
  const agrees = await takingTurns(() => verify(stored, normal(password))).catch((error: unknown) => {
    if (error instanceof ServiceUnavailable) throw error;
    throw new UnreadablePasswordHash('a stored password hash cannot be read', { cause: error });
  });
  return agrees && passwordHash !== undefined;
}

/** What is stored is no hash, or one of another kind: nobody can sign in by it. */
export class UnreadablePasswordHash extends Error {
  override readonly name = 'UnreadablePasswordHash';
}

/** One password typed on two keyboards may be composed differently (NIST SP 800-63B, section 5.1.1.2). */
const normal = (password: string) => password.normalize('NFKC');

function takingTurns<T>(work: () => Promise<T>): Promise<T> {
  if (hashing.pendingCount >= LONGEST_QUEUE)
    throw new ServiceUnavailable('too many people are signing in just now; try again in a few seconds', 3);
  return hashing(work);
}
