import { belongingOf, SHARING, USERS } from '@caregate/clinic-model';
import { isGuarded } from '@caregate/service';
import { mongo } from 'mongoose';

const WRITES = [
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'replaceOne',
  'deleteOne',
  'deleteMany',
  'findOneAndUpdate',
  'findOneAndReplace',
  'findOneAndDelete',
  'bulkWrite',
] as const;

/** Written beside the transaction of a request: it says that the request has begun, and the transaction that it was carried out. */
const BESIDE: ReadonlySet<string> = new Set(['idempotency_records']);

/**
 * A write of a request that changes what moves with an account, outside of a transaction, would not look at the account's fence. Any test that
 * brings one about fails.
 */
export function allowWritesOnlyInTransactions(): void {
  const prototype = mongo.Collection.prototype as unknown as Record<string, (...given: unknown[]) => unknown>; // by their names
  for (const name of WRITES) {
    const write = prototype[name];
    if (!write || PATCHED.has(write)) continue;
    const checked = function (this: mongo.Collection, ...given: unknown[]) {
      if (isGuarded() && moves(this.collectionName) && !given.some(isInTransaction) && !given.some(onlyAsksToWait))
        fail(`${this.collectionName}.${name} is not in a transaction, so it does not look at the fence of the account`);
      return write.apply(this, given);
    };
    PATCHED.add(checked);
    prototype[name] = checked;
  }
}

/** The app answers 500 without a reason. */
function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  throw new Error(message);
}

const PATCHED = new WeakSet<object>();

function moves(collection: string): boolean {
  if (BESIDE.has(collection)) return false;
  if (collection === USERS || collection === SHARING) return true;
  const belonging = belongingOf(collection);
  return belonging !== undefined && belonging.late !== true;
}

function isInTransaction(given: unknown): boolean {
  const session: unknown =
    typeof given === 'object' && given !== null && 'session' in given ? given.session : undefined;
  return session instanceof mongo.ClientSession && session.inTransaction();
}

/** `askPatientWritesToWait`, which changes nothing that counts. */
const onlyAsksToWait = (given: unknown) =>
  /^\{"\$(set|unset)":\{"waitUntil":[^{}]+\}\}$/.test(JSON.stringify(given) ?? '');
