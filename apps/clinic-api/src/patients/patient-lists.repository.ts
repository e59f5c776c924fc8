import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicModels,
  GRAM,
  gramsOf,
  objectId,
  type PatientDocument,
  readCounts,
} from '@caregate/clinic-model';
import { LRUCache } from 'lru-cache';
import type { Types } from 'mongoose';
import { SharedReads } from '../shared-reads.ts';
import { canMatch, type Condition, type PatientFilter } from './list-filter.ts';
import { BY_AGE, BY_NAME, type Order, sortOf } from './list-sort.ts';
import {
  byFigures,
  byReview,
  bySite,
  byTag,
  conditionsOf,
  type Counts,
  having,
  labelsOnly,
  lacking,
  shortest,
  throughTheClinic,
  type Way,
} from './list-ways.ts';

type ObjectId = Types.ObjectId;

export interface Page {
  readonly limit?: number;
  readonly offset?: number;
}

export interface PatientPage {
  readonly patients: readonly PatientDocument[];
  /** How many match. */
  readonly count: number;
  /** How many the clinic has. */
  readonly totalCount: number;
}

/** What is only for searching and sorting, and is not shown. */
export const WITHOUT_SEARCH_FIELDS = { searchText: 0, searchGrams: 0, sortName: 0 } as const;

const INDEX_IN_ORDER_OF: Readonly<Record<string, string>> = { sortName: 'by_name', birthDate: 'by_birth_date' };
const DEFAULT_LIMIT = 10;
const NO_PATIENTS = { patients: [], count: 0 } as const;

/**
 * Lists of a clinic's patients. Unfiltered, or filtered by one tag or site, a page costs the same in a clinic of any size:
 * an index is walked in the order of the list, and the counts are kept. Other filters go the shortest way that an index offers.
 */
@Injectable()
export class PatientListsRepository {
  private readonly totals = new SharedReads<number>();

  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  async list(clinicId: ObjectId, filter: PatientFilter, order: Order, page: Page): Promise<PatientPage> {
    const labels = labelsOnly(filter);
    if (labels === 'none') return this.everybody(clinicId, order, page);
    const [counts, grams] = await Promise.all([this.countsFor(filter, clinicId), this.byGram(clinicId, filter)]);
    if (filter.search !== undefined && !canMatch(filter.search)) return { ...NO_PATIENTS, totalCount: counts.total };
    const kept = [...byTag(filter, counts), ...bySite(filter, counts)];
    if (kept.some(({ size }) => size === 0)) return { ...NO_PATIENTS, totalCount: counts.total };
    const figures = filter.figures.map(({ figure }) => figure);
    const ways = [...kept, ...grams, ...byFigures(figures, counts), ...byReview(filter, counts)];
    const way = shortest([throughTheClinic(filter, counts), ...ways]);
    const conditions = { clinicId, $and: conditionsOf(filter, way) };
    const { limit = DEFAULT_LIMIT, offset = 0 } = page;
    const read = () => this.inOrder(conditions, order, page, way, way);
    if (way.size < limit && offset === 0) {
      const patients = await read();
      if (patients.length < limit) return { patients, count: patients.length, totalCount: counts.total };
    }
    const [patients, count] = await Promise.all([
      read(),
      labels === 'one' ? way.size : this.patients.countDocuments(conditions, { hint: way.hint }),
    ]);
    return { patients, count, totalCount: counts.total };
  }

  /** Patients of several clinics that have this MRN or birth date, by name. */
  find(
    clinicIds: readonly ObjectId[],
    { mrn, birthDate }: { mrn?: string; birthDate?: string },
    page: Page,
  ): Promise<PatientDocument[]> {
    const conditions = {
      clinicId: { $in: clinicIds },
      ...(mrn !== undefined && { mrn }),
      ...(birthDate !== undefined && { birthDate }),
    };
    return this.page(conditions, BY_NAME, page);
  }

  /** The records of a user in the clinics of the shard. */
  ofUser(userId: string, page: Page): Promise<PatientDocument[]> {
    return this.page({ userId }, BY_NAME, page, { hint: 'by_user' });
  }

  private async everybody(clinicId: ObjectId, order: Order, page: Page): Promise<PatientPage> {
    const walked = INDEX_IN_ORDER_OF[order.path];
    const [byFigure] = order.figure ? byFigures([order.figure], { total: 1, tags: {}, sites: {} }) : [];
    const way = walked === undefined ? byFigure : { hint: walked };
    const [patients, totalCount] = await Promise.all([
      this.inOrder({ clinicId }, order, page, way, { hint: 'by_age' }),
      this.total(clinicId),
    ]);
    return { patients, count: totalCount, totalCount };
  }

  /** Those with the figure by which they are sorted, each part on its way, then those without by age. */
  private async inOrder(
    conditions: Condition,
    order: Order,
    page: Page,
    way?: WayOfPage,
    wayOfRest?: WayOfPage,
  ): Promise<PatientDocument[]> {
    if (!order.figure) return this.page(conditions, order, page, way);
    const { limit = DEFAULT_LIMIT, offset = 0 } = page;
    const withFigure = { ...conditions, ...way?.condition, ...having(order) };
    const found = await this.page(withFigure, order, page, way);
    if (found.length === limit) return found;
    const before =
      found.length > 0 || offset === 0
        ? offset + found.length
        : await this.patients.countDocuments(withFigure, hintOf(way));
    const rest = { limit: limit - found.length, offset: Math.max(0, offset - before) };
    return [...found, ...(await this.page({ ...conditions, ...lacking(order) }, BY_AGE, rest, wayOfRest))];
  }

  private async page(conditions: Condition, order: Order, page: Page, way?: WayOfPage): Promise<PatientDocument[]> {
    if (!way?.slim || (page.limit ?? DEFAULT_LIMIT) > MOST_BY_ID)
      return this.read(conditions, WITHOUT_SEARCH_FIELDS, order, page, way);
    const ids = await this.read(conditions, { _id: 1 }, order, page, way);
    const inOrder = ids.map(({ _id }) => _id);
    const patients = await this.read({ _id: { $in: inOrder } }, WITHOUT_SEARCH_FIELDS, BY_AGE, {
      limit: inOrder.length,
    });
    const byId = new Map(patients.map((patient) => [patient._id.toHexString(), patient]));
    return inOrder.flatMap((_id) => byId.get(_id.toHexString()) ?? []);
  }

  private async read(
    conditions: Condition,
    projection: Projection,
    order: Order,
    { limit = DEFAULT_LIMIT, offset = 0 }: Page,
    way?: WayOfPage,
  ) {
    if (limit === 0) return []; // to MongoDB this is no limit
    // Not through mongoose: nothing is cast, and a page is read as fast as the driver can.
    const cursor = this.patients
      .find(conditions, { projection, ...hintOf(way) })
      .sort(sortOf(order))
      .skip(offset)
      .limit(limit);
    return (await cursor.toArray()) as unknown as PatientDocument[]; // the projection leaves out what its reader does not use
  }

  private total(clinicId: ObjectId): Promise<number> {
    return this.totals.read(clinicId.toHexString(), async () => {
      const stripes = await this.models.clinicCounts.collection
        .find({ clinicId }, { projection: { _id: 0, total: 1 } })
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

  /** By pieces of the search text. How rare a piece is decides only the way, so it need not be fresh. */
  private byGram(clinicId: ObjectId, { search = '' }: PatientFilter): Promise<Way[]> {
    const pieces = gramsOf(search)
      .filter((_, i, grams) => i % GRAM === 0 || i === grams.length - 1)
      .slice(0, MOST_PIECES);
    return Promise.all(
      pieces.map(async (gram) => ({
        hint: 'search',
        condition: { searchGrams: gram },
        size: (await this.frequencies.fetch(`${clinicId.toHexString()} ${gram}`)) ?? WORTH_FETCHING,
      })),
    );
  }

  /** Counted in the index, and not beyond what would be worth it. */
  private readonly frequencies = new LRUCache<string, number>({
    max: 10_000,
    ttl: FREQUENCY_MS,
    fetchMethod: (key) => {
      const [clinicId = '', gram = ''] = [key.slice(0, 24), key.slice(25)];
      return this.patients.countDocuments(
        { clinicId: objectId(clinicId), searchGrams: gram },
        { hint: 'search', limit: WORTH_FETCHING },
      );
    },
  });

  private get patients() {
    return this.models.patients.collection;
  }
}

type Projection = typeof WITHOUT_SEARCH_FIELDS | { readonly _id: 1 };
type WayOfPage = Pick<Way, 'hint' | 'slim' | 'condition'>;
const hintOf = (way: WayOfPage | undefined) => (way ? { hint: way.hint } : {});

const FREQUENCY_MS = 30_000;
const MOST_PIECES = 6;
/** More ids than this make too long a question. */
const MOST_BY_ID = 10_000;
const WORTH_FETCHING = 2_000;
