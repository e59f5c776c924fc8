import {
  type AccountId,
  type AccountScope,
  type Belonging,
  belongingOf,
  BELONGINGS,
  belongs,
  clinicClaimedBy,
  SHARING,
  USERS,
} from '@caregate/clinic-model';
import { BadRequest, Conflict } from '@caregate/service';
import type { ClientSession, mongo } from 'mongoose';
import { idText, type Step } from './batch.ts';
import { type BelongingsRepository, textsAt } from './belongings.repository.ts';

type Put = Step & { readonly document: mongo.Document };

/**
 * Holds a batch against what is here. Another shard says what is in it, and that shard may be wrong or in wrong hands: nothing gets in that
 * does not belong to the account that arrives, and nothing that is here and belongs to others is written.
 */
export class ArrivingDocuments {
  private readonly puts: readonly Put[];

  /** @throws {BadRequest} when it has something else than documents that move, each under its own id */
  constructor(
    private readonly belongings: BelongingsRepository,
    private readonly accountId: AccountId,
    steps: readonly Step[],
    private readonly session: ClientSession,
  ) {
    this.puts = steps.filter((step): step is Put => step.document !== undefined);
    const strange = steps.find(({ collection }) => !MOVING.has(collection));
    if (strange)
      throw new BadRequest('request body has an error: /batch has something of a collection that does not move');
    const disguised = this.puts.find(({ id, document }) => !isUnder(id, document));
    if (disguised)
      throw new BadRequest('request body has an error: /batch has a document under another id than its own');
  }

  /**
   * @returns what belongs to the account, with the clinics of the batch
   * @throws {Conflict} when something in it, or in its place, belongs to others
   */
  async assertOwn(): Promise<AccountScope> {
    const scope = await this.scope();
    for (const belonging of BELONGINGS) {
      const own = this.of(belonging.collection);
      const foreign = own.find(({ document }) => !belongs(belonging, scope, document));
      if (foreign) throw refused(foreign, 'it does not belong to the account');
      await this.assertPlacesOwn(belonging, scope, own);
    }
    return scope;
  }

  /** Of some users those whom the account's documents name, here or in the batch. */
  async named(scope: AccountScope, ids: readonly string[], owner: string | undefined): Promise<ReadonlySet<string>> {
    const named = new Set(owner === undefined ? [] : [owner]);
    for (const belonging of BELONGINGS)
      for (const field of belonging.users) {
        for (const { document } of this.of(belonging.collection))
          for (const id of textsAt(document, field)) named.add(id);
        for (const id of await this.belongings.namedHere(belonging, scope, { field, ids }, this.session)) named.add(id);
      }
    return new Set(ids.filter((id) => named.has(id)));
  }

  /**
   * Each user of the account whose id is known on this shard must be the same person here. They are when both shards know the same time at
   * which the user was made: an earlier move brought them. Otherwise two people have the same id by chance, as ids have 40 bits, or somebody
   * named an id of which they know no more. Then one person would get the account, or the records, of the other.
   * @param named the users of the batch whom documents of the account name
   * @throws {Conflict} when one of them is somebody else here
   */
  async assertSamePeople(named: ReadonlySet<string>): Promise<void> {
    const coming = new Map(this.of(USERS).map((step) => [String(step.id), step]));
    const meant = new Map([...this.opening(), ...[...coming].filter(([id]) => named.has(id))]);
    if (meant.size === 0) return;
    const here = await this.belongings
      .collection(USERS)
      .find({ _id: { $in: [...meant.keys()] as never[] } }, { session: this.session, projection: { createdTime: 1 } }) // texts
      .toArray();
    const other = here.find(
      ({ _id, createdTime }) => timeOf(coming.get(String(_id))?.document.createdTime) !== timeOf(createdTime),
    );
    const step = other && meant.get(String(other._id));
    if (step) throw refused(step, 'the user whom it names is somebody else on this shard');
  }

  /** Users whom documents of the batch open to the account, with one of these documents. */
  private opening(): (readonly [string, Put])[] {
    return BELONGINGS.filter(({ opensUsers }) => opensUsers).flatMap(({ collection, users }) =>
      this.of(collection).flatMap((step) =>
        users.flatMap((field) => textsAt(step.document, field)).map((id) => [id, step] as const),
      ),
    );
  }

  private of(collection: string): readonly Put[] {
    return this.puts.filter((step) => step.collection === collection);
  }

  /** What a clinic holds belongs to whoever has the clinic, so nobody may take another's by naming its id. */
  private async scope(): Promise<AccountScope> {
    const { accountId } = this;
    const { clinicIds } = await this.belongings.scopeOf(accountId, this.session);
    const claimed = BELONGINGS.flatMap((belonging) =>
      this.of(belonging.collection).flatMap(({ document }) => clinicClaimedBy(belonging, document) ?? []),
    );
    if (claimed.length > 0) await this.assertNobodyHas(claimed);
    return { accountId, clinicIds: [...clinicIds, ...claimed] };
  }

  private async assertNobodyHas(clinicIds: AccountScope['clinicIds']): Promise<void> {
    const [within, others] = [{ $in: [...clinicIds] }, { $ne: this.accountId }];
    const holders: readonly (readonly [string, mongo.Filter<mongo.Document>])[] = [
      ['clinics', { _id: within, accountId: others }],
      ['clinics_deletions', { clinicId: within, accountId: others }],
      ['accounts', { _id: others as never, 'moved.clinics': within, 'moved.moveId': { $exists: true } }], // a text
    ];
    for (const [collection, filter] of holders) {
      const options = { session: this.session, projection: { _id: 1 } };
      const holder = await this.belongings.collection(collection).findOne(filter, options);
      if (holder)
        throw new Conflict(
          `something of another account on this shard is in the way: ${String(holder._id)} in ${collection} is or has one of the clinics`,
        );
    }
  }

  private async assertPlacesOwn(belonging: Belonging, scope: AccountScope, own: readonly Put[]): Promise<void> {
    if (own.length === 0) return;
    const taken = await this.belongings
      .collection(belonging.collection)
      .find(
        { _id: { $in: own.map(({ id }) => id) as never[] } }, // ids are ObjectIds or texts
        { session: this.session, projection: { [belonging.owner.field]: 1 } },
      )
      .toArray();
    const foreign = taken.find((document) => !belongs(belonging, scope, document));
    const step = foreign && own.find(({ id }) => String(id) === String(foreign._id));
    if (step) throw refused(step, 'something of another account on this shard has this id');
  }
}

const MOVING: ReadonlySet<string> = new Set([...BELONGINGS.map(({ collection }) => collection), USERS, SHARING]);

function isUnder(id: Step['id'], document: mongo.Document): boolean {
  const own: unknown = document._id;
  return typeof id === 'string' || typeof own === 'string' ? own === id : id.equals(own as typeof id); // `equals` looks what it is
}

const timeOf = (value: unknown) => (value instanceof Date ? value.getTime() : undefined);

const refused = ({ collection, id }: Step, why: string) =>
  new Conflict(`a document of the batch cannot be taken, ${idText(id).slice(2)} of ${collection}: ${why}`);

/** Of what may follow when the account is served here already. */
export const isLate = ({ collection }: Step) => belongingOf(collection)?.late === true;
