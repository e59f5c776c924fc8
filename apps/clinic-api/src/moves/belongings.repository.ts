import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AccountScope,
  type Belonging,
  BELONGINGS,
  belongingTo,
  ownersIn,
  SHARING,
  USERS,
  valueAt,
} from '@caregate/clinic-model';
import { Conflict, inTransaction, MONGO, NotFound, ServiceUnavailable } from '@caregate/service';
import { type ClientSession, type Connection, mongo, type Types } from 'mongoose';
import { type DocumentKey, EXACT, idOfText, idText, isKey, placeIn, placeText, type Step } from './batch.ts';

/** A place in a collection's order: the owner, and the key within what is its. */
interface Place {
  readonly owner: string | Types.ObjectId;
  readonly key: unknown;
}

export interface Range {
  readonly after?: string | undefined;
  readonly until?: string | undefined;
}

export interface Fingerprint {
  readonly id: string;
  readonly hash: string;
}

export interface Purge {
  readonly scope: AccountScope;
  readonly forMs: number;
  /** Also the users whom nothing else here names. */
  readonly withUsers: boolean;
  /** Asked in each transaction: it must write what whoever brings the account back writes too, so that one of the two comes first. */
  readonly isStillMeant: (session: ClientSession) => Promise<boolean>;
}

/** Reads and deletes what belongs to an account, by the one table of belongings. */
@Injectable()
export class BelongingsRepository {
  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  get db(): mongo.Db {
    const { db } = this.connection;
    if (!db) throw new ServiceUnavailable('the database is not reachable just now; try again');
    return db as unknown as mongo.Db; // mongoose's own view of the driver's class
  }

  collection(name: string): mongo.Collection<mongo.Document> {
    return this.db.collection(name);
  }

  async scopeOf(accountId: string, session?: ClientSession): Promise<AccountScope> {
    const inSession = session && { session };
    const [clinics, deleted] = await Promise.all([
      this.collection('clinics')
        .find({ accountId }, { ...inSession, projection: { _id: 1 } })
        .toArray(),
      this.collection('clinics_deletions')
        .find({ accountId }, { ...inSession, projection: { clinicId: 1 } })
        .toArray(),
    ]);
    const ids = [...clinics.map(({ _id }) => _id), ...deleted.map(({ clinicId }) => clinicId)];
    return { accountId, clinicIds: ids.filter((id) => id instanceof mongo.ObjectId) };
  }

  count(belonging: Belonging, scope: AccountScope): Promise<number> {
    return this.collection(belonging.collection).countDocuments(belongingTo(belonging, scope));
  }

  /**
   * The next documents as they are stored, in the order of owner and key.
   * @param enough is told the size of each document and says when there are enough; the rest comes with the next page
   */
  async page(
    belonging: Belonging,
    scope: AccountScope,
    range: Range,
    enough: (bytes: number) => boolean,
  ): Promise<{ documents: Buffer[]; next?: string }> {
    const documents: Buffer[] = [];
    for await (const { document, place } of this.walk(belonging, scope, range)) {
      documents.push(document);
      if (enough(document.length)) return { documents, next: placeText(place) };
    }
    return { documents };
  }

  private async *walk(belonging: Belonging, scope: AccountScope, { after, until }: Range) {
    const { pageBy, owner } = belonging;
    const [from, to] = [placeOf(after), placeOf(until)];
    for (const value of ownersIn(belonging, scope)) {
      const [text, first, last] = [String(value), from && String(from.owner), to && String(to.owner)];
      if (first !== undefined && text < first) continue;
      if (last !== undefined && text > last) return;
      const bounds = {
        ...(text === first && { $gt: from?.key }),
        ...(text === last && { $lte: to?.key }),
      };
      const cursor = this.collection(belonging.collection).find(
        { [owner.field]: value, ...(Object.keys(bounds).length > 0 && { [pageBy]: bounds }) },
        { raw: true, sort: { [pageBy]: 1 }, batchSize: 500 },
      );
      for await (const raw of cursor as unknown as AsyncIterable<Buffer>) {
        // `raw` gives bytes
        yield { document: raw, place: { owner: value, key: valueIn(raw, pageBy) } satisfies Place };
      }
    }
  }

  /** Documents by their ids, as far as they belong to the account. */
  async byIds(belonging: Belonging, scope: AccountScope, ids: readonly DocumentKey[]): Promise<Buffer[]> {
    const cursor = this.collection(belonging.collection).find(
      { _id: { $in: [...ids] as never[] }, ...belongingTo(belonging, scope) }, // ids are ObjectIds or texts
      { raw: true },
    );
    return (await cursor.toArray()) as unknown as Buffer[]; // `raw` gives bytes
  }

  /** The users that documents name, with their direct sharing. */
  async usersNamedIn(belonging: Belonging, documents: readonly Buffer[]): Promise<Step[]> {
    if (belonging.ofDeleted || belonging.users.length === 0 || documents.length === 0) return [];
    const ids = new Set(
      documents.flatMap((raw) => {
        const document = mongo.BSON.deserialize(raw);
        return belonging.users.flatMap((field) => textsAt(document, field));
      }),
    );
    return this.users([...ids]);
  }

  async users(ids: readonly string[]): Promise<Step[]> {
    if (ids.length === 0) return [];
    const within = { $in: [...ids] as never[] }; // texts, which the driver's type for ids does not expect
    const [users, sharing] = await Promise.all([
      this.collection(USERS).find({ _id: within }, EXACT).toArray(),
      this.collection(SHARING).find({ sharerId: within }, EXACT).toArray(),
    ]);
    const step = (collection: string) => (document: mongo.WithId<mongo.Document>) =>
      isKey(document._id) ? [{ collection, id: document._id, document }] : [];
    return [...users.flatMap(step(USERS)), ...sharing.flatMap(step(SHARING))];
  }

  /** Of some users those whom the account's documents name in a field. */
  async namedHere(
    belonging: Belonging,
    scope: AccountScope,
    { field, ids }: { readonly field: string; readonly ids: readonly string[] },
    session: ClientSession,
  ): Promise<string[]> {
    if (ids.length === 0) return [];
    const documents = await this.collection(belonging.collection)
      .find(
        { $and: [{ [field]: { $in: [...ids] as never[] } }, belongingTo(belonging, scope)] }, // texts
        { session, projection: { [field]: 1 } },
      )
      .toArray();
    return documents.flatMap((document) => textsAt(document, field));
  }

  /** Deletes what belongs to the account, clinics last, since they say what does; for a limited time. */
  async purge(purge: Purge): Promise<{ done: boolean; deleted: number }> {
    const end = performance.now() + purge.forMs;
    let deleted = 0;
    for (const belonging of [...BELONGINGS].reverse()) {
      for (;;) {
        const some = await this.deleteSome(belonging, purge);
        deleted += some;
        if (some === 0) break;
        if (performance.now() > end) return { done: false, deleted };
      }
    }
    return { done: true, deleted };
  }

  private async deleteSome(belonging: Belonging, { scope, withUsers, isStillMeant }: Purge): Promise<number> {
    const collection = this.collection(belonging.collection);
    const found = await collection.findOne(belongingTo(belonging, scope), { projection: { _id: 1 } });
    if (!found) return 0;
    return inTransaction(this.connection, async (session) => {
      if (!(await isStillMeant(session))) throw new Conflict('what was left behind is not to be deleted any more');
      const documents = await collection
        .find(belongingTo(belonging, scope), {
          session,
          projection: { _id: 1, ...Object.fromEntries(belonging.users.map((field) => [field, 1])) },
        })
        .limit(1_000)
        .toArray();
      if (withUsers) await this.deleteUsersNamedIn(belonging, documents, scope, session);
      const { deletedCount } = await collection.deleteMany(
        { _id: { $in: documents.map(({ _id }) => _id) } },
        { session },
      );
      return deletedCount;
    });
  }

  private async deleteUsersNamedIn(
    belonging: Belonging,
    documents: readonly mongo.Document[],
    scope: AccountScope,
    session: ClientSession,
  ): Promise<void> {
    const named = [
      ...new Set(documents.flatMap((document) => belonging.users.flatMap((field) => textsAt(document, field)))),
    ];
    if (!belonging.ofDeleted) return this.deleteUsersOfNobodyElse(named, scope, session);
    // Whoever was removed from a clinic has their account still, unless the clinic itself had made it.
    const made = await this.collection(USERS)
      .find(
        { _id: { $in: named as never[] }, custodianClinicId: { $in: scope.clinicIds.map((id) => id.toHexString()) } }, // texts
        { session, projection: { _id: 1 } },
      )
      .toArray();
    return this.deleteUsersOfNobodyElse(
      made.map(({ _id }) => String(_id)),
      scope,
      session,
    );
  }

  /** Users whom nothing of others here names: they were here only for this account. */
  async deleteUsersOfNobodyElse(ids: readonly string[], scope: AccountScope, session?: ClientSession): Promise<void> {
    const inSession = session && { session };
    if (ids.length === 0) return;
    const needed = new Set<string>();
    const within = { $in: [...ids] };
    for (const { collection, owner, users } of BELONGINGS.filter(({ ofDeleted }) => !ofDeleted)) {
      for (const field of users.filter((each) => each !== 'admins')) {
        // admins are clinicians too
        const others = await this.collection(collection)
          .find(
            { [field]: within as never, [owner.field]: { $nin: ownersIn({ owner } as Belonging, scope) } }, // only the owner is looked at
            { ...inSession, projection: { [field]: 1 } },
          )
          .toArray();
        for (const document of others) for (const id of textsAt(document, field)) needed.add(id);
      }
    }
    const owners = await this.collection('accounts')
      .find(
        { ownerUserId: within, _id: { $ne: scope.accountId as never }, 'moved.moveId': { $exists: false } },
        inSession,
      ) // a text
      .toArray();
    for (const { ownerUserId } of owners) needed.add(String(ownerUserId));
    const leaving = ids.filter((id) => !needed.has(id));
    await this.deleteUsers(leaving, session);
  }

  /** Deletes users with all sharing by and with them. */
  async deleteUsers(ids: readonly string[], session?: ClientSession): Promise<void> {
    const inSession = session && { session };
    if (ids.length === 0) return;
    const within = { $in: [...ids] };
    await this.collection(SHARING).deleteMany({ $or: [{ sharerId: within }, { userId: within }] }, inSession);
    await this.collection(USERS).deleteMany({ _id: within as never }, inSession); // texts
  }

  async fingerprints(
    belonging: Belonging,
    scope: AccountScope,
    range: Range,
    limit: number,
  ): Promise<{ documents: Fingerprint[]; next?: string }> {
    let count = 0;
    const { documents, next } = await this.page(belonging, scope, range, () => ++count >= limit);
    return {
      documents: documents.flatMap((raw) => fingerprintOf(belonging, raw)),
      ...(next !== undefined && { next }),
    };
  }

  async fingerprintsOf(belonging: Belonging, scope: AccountScope, ids: readonly string[]): Promise<Fingerprint[]> {
    const documents = await this.byIds(belonging, scope, ids.map(idOfText));
    return documents.flatMap((raw) => fingerprintOf(belonging, raw));
  }
}

/** A document's id, and a hash of all its bytes but for what is not compared; none for what expires by itself. */
function fingerprintOf({ notCompared, expires }: Belonging, raw: Buffer): Fingerprint[] {
  const id = valueIn(raw, '_id');
  if (!isKey(id)) return [];
  let bytes = raw;
  if (expires) return [];
  if (notCompared) {
    const compared = Object.entries(mongo.BSON.deserialize(raw, EXACT)).filter(
      ([field]) => !notCompared.includes(field),
    );
    bytes = Buffer.from(mongo.BSON.serialize(Object.fromEntries(compared)));
  }
  return [{ id: idText(id), hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16) }];
}

function placeOf(text: string | undefined): Place | undefined {
  if (!text) return undefined;
  const place = placeIn(text);
  if (typeof place !== 'object' || place === null || !('owner' in place) || !('key' in place))
    throw new NotFound('this place is none of an export');
  const { owner, key } = place;
  if (typeof owner !== 'string' && !(owner instanceof mongo.ObjectId))
    throw new NotFound('this place is none of an export');
  return { owner, key };
}

function valueIn(raw: Buffer, field: string): unknown {
  return mongo.BSON.deserialize(raw, { promoteValues: true })[field];
}

/** The texts in a field, which may hold one or several; a path with a dot leads below. */
export function textsAt(document: mongo.Document, path: string): string[] {
  const value = valueAt(document, path);
  return (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');
}

/** Documents of one collection as steps that put them. */
export function puts({ collection }: Belonging, documents: readonly Buffer[]): Step[] {
  return documents.flatMap((raw) => {
    const document = mongo.BSON.deserialize(raw, EXACT);
    const id: unknown = document._id;
    return isKey(id) ? [{ collection, id, document }] : [];
  });
}
