import { Injectable } from '@nestjs/common';
import {
  type AccountScope,
  belongingOf,
  BELONGINGS,
  belongs,
  RECORDS_OF_USERS,
  SHARING,
  USERS,
} from '@caregate/clinic-model';
import { Conflict, databaseTime } from '@caregate/service';
import { mongo } from 'mongoose';
import { type DocumentKey, EXACT, idText, isKey, packed, placeIn, placeText, type Step } from './batch.ts';
import { BelongingsRepository, textsAt } from './belongings.repository.ts';

const ACCOUNTS = 'accounts';
const MOST_EVENTS = 1_000;
const MOST_BYTES = 1_000_000;
const WAIT_MS = 20;

/** The oplog does not reach back so far, or the place is none (in the various ways in which MongoDB says so). */
const LOST_PLACE = new Set([280, 286, 260, 9, 14, 15, 40647, 40649, 50811, 50816]);

interface Gathered {
  readonly steps: Map<string, Step>;
  token: unknown;
  events: number;
  bytes: number;
  caughtUp: boolean;
  drained?: string | undefined;
  newest?: Date;
}

/** What changes of an account, from this shard's own change stream. */
@Injectable()
export class ChangesRepository {
  constructor(private readonly belongings: BelongingsRepository) {}

  /** The place where the change stream is now; of the same pipeline, as one of another might not be gone on from. */
  async now(): Promise<string> {
    const stream = this.belongings.db.watch(PIPELINE, { maxAwaitTimeMS: 1 });
    try {
      await stream.tryNext();
      return placeText(stream.resumeToken);
    } finally {
      await stream.close();
    }
  }

  /**
   * The changes of what belongs to an account since a place, as steps that put what is there now.
   * @throws {Conflict} when the place is not known any more
   */
  async since(accountId: string, after: string, lateOnly: boolean) {
    const gathered = await this.gather(accountId, after, lateOnly);
    const steps = [...gathered.steps.values()];
    const users = await this.usersNamedIn(steps);
    const lagMs = gathered.newest && !gathered.caughtUp ? Math.max(0, Date.now() - gathered.newest.getTime()) : 0;
    return {
      batch: await packed([...steps, ...users]),
      count: steps.length,
      token: placeText(gathered.token),
      caughtUp: gathered.caughtUp,
      lagMs,
      touched: steps
        .filter(({ collection }) => {
          const belonging = belongingOf(collection);
          return belonging !== undefined && !belonging.late;
        })
        .map(({ collection, id }) => ({ collection, id: idText(id) })),
      ...(gathered.drained !== undefined && { drained: gathered.drained }),
    };
  }

  /** A clinic that was made meanwhile makes its documents the account's, so then it reads once more, from the same place. */
  private async gather(accountId: string, after: string, lateOnly: boolean): Promise<Gathered> {
    for (let scope = await this.belongings.scopeOf(accountId); ;) {
      const gathered = await this.read(scope, after, lateOnly);
      const known = new Set(scope.clinicIds.map(String));
      scope = await this.belongings.scopeOf(accountId);
      if (scope.clinicIds.every((id) => known.has(String(id)))) return gathered;
    }
  }

  /** It ends with what was written before it began, however much is written meanwhile. */
  private async read(scope: AccountScope, after: string, lateOnly: boolean): Promise<Gathered> {
    const began = await databaseTime(this.belongings.db);
    const stream = this.belongings.db.watch<mongo.Document, Change>(PIPELINE, {
      resumeAfter: placeIn(after),
      fullDocument: 'updateLookup',
      maxAwaitTimeMS: WAIT_MS,
      batchSize: MOST_EVENTS,
      ...EXACT,
    });
    const gathered: Gathered = { steps: new Map(), token: placeIn(after), events: 0, bytes: 0, caughtUp: false };
    const isFull = () => gathered.events >= MOST_EVENTS || gathered.bytes >= MOST_BYTES;
    try {
      while (!isFull() && !gathered.caughtUp && gathered.drained === undefined) {
        const change = await stream.tryNext();
        gathered.token = stream.resumeToken;
        if (change) await this.take(gathered, scope, change, lateOnly);
        gathered.caughtUp = !change || change.clusterTime.greaterThan(began);
      }
      return gathered;
    } catch (error) {
      if (error instanceof mongo.MongoServerError && LOST_PLACE.has(Number(error.code)))
        throw new Conflict('the place in the change stream is not known any more; copy the account again');
      throw error;
    } finally {
      await stream.close();
    }
  }

  private async take(gathered: Gathered, scope: AccountScope, change: Change, lateOnly: boolean): Promise<void> {
    const { ns, documentKey, wallTime } = change;
    gathered.events += 1;
    if (wallTime) gathered.newest = wallTime;
    const id = documentKey._id;
    if (ns.coll === ACCOUNTS && id === scope.accountId) gathered.drained = fenceDrainedBy(change);
    if (!isKey(id) || (lateOnly && belongingOf(ns.coll)?.late !== true)) return;
    const step = await this.stepOf(scope, change, id);
    if (!step) return;
    const name = `${ns.coll}/${idText(id)}`;
    gathered.steps.delete(name); // the last of several is what counts
    gathered.steps.set(name, step);
    if (step.document) gathered.bytes += mongo.BSON.calculateObjectSize(step.document);
  }

  /** What a change means for the other shard; nothing when it is another account's. */
  private async stepOf(scope: AccountScope, change: Change, id: DocumentKey): Promise<Step | undefined> {
    const { coll: collection } = change.ns;
    const { operationType, fullDocument: document } = change;
    if (operationType === 'delete') return { collection, id };
    if (collection === USERS) {
      const isChange = document && operationType !== 'insert'; // one who is new is told of by what names them
      return isChange && (await this.isNamed(scope, id)) ? { collection, id, document } : undefined;
    }
    if (collection === SHARING) {
      const sharer: unknown = document?.sharerId;
      return document && isKey(sharer) && (await this.isNamed(scope, sharer))
        ? { collection, id, document }
        : undefined;
    }
    const belonging = belongingOf(collection);
    if (!belonging) return undefined;
    return document && belongs(belonging, scope, document) ? { collection, id, document } : undefined;
  }

  /** Whether a user has something to do with the account. */
  private async isNamed(scope: AccountScope, id: DocumentKey): Promise<boolean> {
    const owner = await this.belongings
      .collection('accounts')
      .findOne({ _id: scope.accountId as never, ownerUserId: id }); // a text
    if (owner) return true;
    for (const collection of RECORDS_OF_USERS) {
      const found = await this.belongings
        .collection(collection)
        .findOne({ userId: id, clinicId: { $in: [...scope.clinicIds] } }, { projection: { _id: 1 } });
      if (found) return true;
    }
    return false;
  }

  private async usersNamedIn(steps: readonly Step[]): Promise<Step[]> {
    const ids = new Set<string>();
    for (const { collection, document } of steps) {
      for (const field of document ? (belongingOf(collection)?.users ?? []) : []) {
        for (const each of textsAt(document ?? {}, field)) ids.add(each);
      }
    }
    return this.belongings.users([...ids]);
  }
}

interface Change {
  readonly operationType: 'insert' | 'update' | 'replace' | 'delete';
  readonly ns: { readonly coll: string };
  readonly documentKey: { readonly _id: unknown };
  readonly fullDocument?: mongo.Document | null;
  readonly updateDescription?: { readonly updatedFields: mongo.Document };
  readonly clusterTime: mongo.Timestamp;
  readonly wallTime?: Date;
}

function fenceDrainedBy({ updateDescription, fullDocument }: Change): string | undefined {
  const fence: unknown =
    updateDescription?.updatedFields['fence.drained'] === true ? fullDocument?.fence?.id : undefined;
  return typeof fence === 'string' ? fence : undefined;
}

/**
 * Whose a document is is not asked here but of each that comes through: a stream can only go on from a change that its pipeline lets through
 * again, and by then what was looked up may be gone (MongoDB's error 280). Of a deletion only the id is known, so those of all accounts and
 * users are handed out; an id tells nothing.
 */
const PIPELINE: mongo.Document[] = [
  { $match: { operationType: { $in: ['insert', 'update', 'replace', 'delete'] } } },
  { $match: { 'ns.coll': { $in: [...BELONGINGS.map(({ collection }) => collection), USERS, SHARING, ACCOUNTS] } } },
];
