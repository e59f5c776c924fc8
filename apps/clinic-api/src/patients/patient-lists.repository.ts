import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicModels,
  type PatientDocument,
  readCounts,
  stripesOf,
  valueAt,
} from '@caregate/clinic-model';
import { mongo, Types } from 'mongoose';
import { SharedReads } from '../shared-reads.ts';
import { canMatch, type Condition, type PatientFilter } from './list-filter.ts';
import { BY_NAME, type Order, sortOf } from './list-sort.ts';
import { noneComeLast, pageOf, pageOfThoseWith, type PageRange } from './list-answer.ts';
import { type Question, questionsOf, sortKeyOf } from './list-questions.ts';
import { BATCH, type Documents, LargePages } from './large-pages.ts';
import { bySite, byTag, conditionsOf, type Counts, FEW, labelsOnly, shortest, walkOf } from './list-ways.ts';
import { Matching } from './matching.ts';
import { EVERYBODY, SheetColumns } from './sheet-columns.ts';
import { ServedClinics } from '../served-clinics.ts';

type ObjectId = Types.ObjectId;

export interface Page {
  readonly limit?: number;
  readonly offset?: number;
  /** Aborts when nobody waits for the page any more. */
  readonly wanted?: AbortSignal;
}

export interface PatientPage {
  /** As MongoDB sends them. */
  readonly patients: readonly Buffer[];
  /** How many match. */
  readonly count: number;
  /** How many the clinic has. */
  readonly totalCount: number;
}

const DEFAULT_LIMIT = 10;
const rangeOf = ({ limit = DEFAULT_LIMIT, offset = 0 }: Page): PageRange => ({ limit, offset });
const NO_PATIENTS = { patients: [], count: 0 } as const;

/**
 * Lists of a clinic's patients, one of three ways:
 * unfiltered, or by one tag or one site in name order, an index is walked in the order of the list, and the counts are kept;
 * a filter that leads to few is decided among those few; for all else the clinic's sheets are asked.
 */
@Injectable()
export class PatientListsRepository {
  private readonly totals = new SharedReads<number>();

  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly columns: SheetColumns,
    private readonly served: ServedClinics,
    private readonly large: LargePages,
  ) {}

  async list(clinicId: ObjectId, filter: PatientFilter, order: Order, page: Page): Promise<PatientPage> {
    const labels = labelsOnly(filter);
    if (labels === 'none') return this.everybody(clinicId, order, page);
    const counts = await this.countsFor(filter, clinicId);
    const totalCount = counts.total;
    if (filter.search !== undefined && !canMatch(filter.search)) return { ...NO_PATIENTS, totalCount };
    const way = shortest([...byTag(filter, counts), ...bySite(filter, counts)]);
    if (way?.size === 0) return { ...NO_PATIENTS, totalCount };
    if (way && labels === 'one' && order.path === BY_NAME.path) {
      const patients = await this.read(clinicId, { clinicId, ...way.condition }, order, page, way.hint);
      return { patients, count: way.size, totalCount };
    }
    const found =
      way && way.size <= FEW
        ? await this.amongFew(clinicId, { $and: conditionsOf(filter, way) }, order, page, way.hint)
        : await this.fromSheets(clinicId, questionsOf(filter), order, page);
    return { ...found, totalCount };
  }

  /** Patients of several clinics that have this MRN or birth date, by name. `caller`: the account or user who asks. */
  async find(
    clinicIds: readonly ObjectId[],
    { mrn, birthDate }: { mrn?: string; birthDate?: string },
    page: Page,
    caller: string,
  ): Promise<PatientDocument[]> {
    const conditions = {
      clinicId: { $in: clinicIds },
      ...(mrn !== undefined && { mrn }),
      ...(birthDate !== undefined && { birthDate }),
    };
    return (await this.read(caller, conditions, BY_NAME, page)).map(asDocument);
  }

  /** The records of a user in the clinics of the shard. */
  async ofUser(userId: string, page: Page): Promise<PatientDocument[]> {
    const conditions = { userId, ...(await this.served.only()) };
    return (await this.read(userId, conditions, BY_NAME, page, 'by_user')).map(asDocument);
  }

  private async everybody(clinicId: ObjectId, order: Order, page: Page): Promise<PatientPage> {
    const walk = walkOf(order);
    const [totalCount, patients] = await Promise.all([
      this.total(clinicId),
      walk === undefined ? undefined : this.read(clinicId, { clinicId }, order, page, walk),
    ]);
    return { patients: patients ?? (await this.byColumn(clinicId, order, page)), count: totalCount, totalCount };
  }

  /** Most pages by a figure are filled by those who have it, and one column is enough for them. */
  private async byColumn(clinicId: ObjectId, order: Order, page: Page): Promise<readonly Buffer[]> {
    const { wanted } = page;
    const [sortKey, range] = [sortKeyOf(order), rangeOf(page)];
    if (!noneComeLast(sortKey)) return (await this.fromSheets(clinicId, [], order, page)).patients;
    const sheets = await this.columns.read(clinicId, [sortKey], wanted);
    const first = pageOfThoseWith(sheets, sortKey, range);
    if (first) return this.withIds(clinicId, idsIn(first), wanted);
    const people = await this.columns.read(clinicId, [EVERYBODY], wanted, sheets.patients);
    const ids = pageOf(Matching.of(people, []), sortKey, range, sheets);
    return this.withIds(clinicId, idsIn(ids), wanted);
  }

  private async amongFew(
    clinicId: ObjectId,
    others: Condition,
    order: Order,
    page: Page,
    hint: string,
  ): Promise<Found> {
    const conditions = { clinicId, ...others };
    const projection = { [order.path]: 1, _id: 1 } as const;
    const options = { projection, hint, signal: page.wanted };
    const few = await this.patients.find(conditions, options).sort(sortOf(order)).toArray();
    const lacks = (patient: object) => order.noneLast === true && valueAt(patient, order.path) === undefined;
    const last = few.filter(lacks).sort((a, b) => (a._id.toHexString() < b._id.toHexString() ? -1 : 1));
    const inOrder = [...few.filter((patient) => !lacks(patient)), ...last];
    const { limit, offset } = rangeOf(page);
    const ids = inOrder.slice(offset, offset + limit).map(({ _id }) => _id);
    return { patients: await this.withIds(clinicId, ids, page.wanted), count: few.length };
  }

  private async fromSheets(
    clinicId: ObjectId,
    questions: readonly Question[],
    order: Order,
    page: Page,
  ): Promise<Found> {
    const { wanted } = page;
    const [sortKey, range] = [sortKeyOf(order), rangeOf(page)];
    // Where an entry is asked for, those without one need not be known.
    const asked = questions.every(({ ofNone }) => ofNone) ? [EVERYBODY, ...questions] : questions;
    const matching = Matching.of(await this.columns.read(clinicId, [...asked, sortKey], wanted), questions);
    const ids = pageOf(matching, sortKey, range);
    return { patients: await this.withIds(clinicId, idsIn(ids), wanted), count: matching.places().length };
  }

  /** In the order of the ids; without those who went meanwhile. */
  private async withIds(
    clinicId: ObjectId,
    ids: readonly ObjectId[],
    signal?: AbortSignal,
  ): Promise<readonly Buffer[]> {
    if (ids.length === 0) return [];
    const options = { raw: true, batchSize: BATCH, signal };
    const found = await this.asSent(this.patients.find({ _id: { $in: [...ids] }, clinicId }, options), clinicId);
    const byId = new Map(found.map((patient) => [idIn(patient), patient]));
    return ids.flatMap((id) => byId.get(id.toHexString()) ?? []);
  }

  private read(
    whose: ObjectId | string,
    conditions: Condition,
    order: Order,
    page: Page,
    hint?: string,
  ): Promise<readonly Buffer[]> {
    const { limit, offset } = rangeOf(page);
    const options = { raw: true, batchSize: BATCH, signal: page.wanted, ...(hint !== undefined && { hint }) };
    const found = this.patients.find(conditions, options).sort(sortOf(order)).skip(offset).limit(limit);
    return this.asSent(found, whose);
  }

  /** Not through mongoose, and not even decoded: a page is read as fast as the driver can. A clinic's page is its account's. */
  private asSent(found: Documents, whose: ObjectId | string): Promise<readonly Buffer[]> {
    return this.large.read(found, async () => {
      if (typeof whose === 'string') return whose;
      const clinic = await this.models.clinics.findById(whose, { _id: 0, accountId: 1 }).lean();
      return clinic?.accountId ?? whose.toHexString();
    });
  }

  private total(clinicId: ObjectId): Promise<number> {
    return this.totals.read(clinicId.toHexString(), async () => {
      const stripes = await this.models.clinicCounts.collection
        .find(stripesOf(clinicId), { projection: { _id: 0, total: 1 } })
        .toArray();
      return stripes.reduce((sum, { total = 0 }) => sum + (total as number), 0);
    });
  }

  /** Tags and sites are counted too; when neither is asked for, the total is enough, and that is a read which requests share. */
  private async countsFor({ tags, sites }: PatientFilter, clinicId: ObjectId): Promise<Counts> {
    return tags || sites
      ? readCounts(this.models, clinicId)
      : { total: await this.total(clinicId), tags: {}, sites: {} };
  }

  private get patients() {
    return this.models.patients.collection;
  }
}

const asDocument = (patient: Buffer) => mongo.BSON.deserialize(patient) as PatientDocument; // what the collection holds

/** MongoDB has `_id` first in every document: after the length, its type, and its name. */
const ID_AT = 4 + 1 + '_id'.length + 1;
const idIn = (patient: Buffer) => patient.toString('hex', ID_AT, ID_AT + 12);

const idsIn = (texts: readonly string[]) => texts.map((text) => new Types.ObjectId(text));

type Found = Pick<PatientPage, 'patients' | 'count'>;
