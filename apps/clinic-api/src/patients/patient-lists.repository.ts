import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicCounts,
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
import { canMatch, type Condition, type PatientFilter, searchCondition } from './list-filter.ts';
import { BY_NAME, type Order } from './list-sort.ts';

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
    const ways = [throughTheClinic(filter, counts), ...byTag(filter, counts), ...bySite(filter, counts)];
    if (ways.some(({ size }) => size === 0)) return { ...NO_PATIENTS, totalCount: counts.total };
    const way = [...ways, ...grams].reduce((best, each) => (each.size < best.size ? each : best));
    const conditions = { clinicId, $and: conditionsOf(filter, way) };
    const [patients, count] = await Promise.all([
      this.page(conditions, order, page, way.hint),
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
    return this.page({ userId }, BY_NAME, page, 'by_user');
  }

  private async everybody(clinicId: ObjectId, order: Order, page: Page): Promise<PatientPage> {
    const [patients, totalCount] = await Promise.all([
      this.page({ clinicId }, order, page, INDEX_IN_ORDER_OF[order[0]?.[0] ?? '']),
      this.total(clinicId),
    ]);
    return { patients, count: totalCount, totalCount };
  }

  private async page(conditions: Condition, order: Order, { limit = DEFAULT_LIMIT, offset = 0 }: Page, hint?: string) {
    // Not through mongoose: nothing is cast, and a page is read as fast as the driver can.
    const cursor = this.patients
      .find(conditions, { projection: WITHOUT_SEARCH_FIELDS, ...(hint !== undefined && { hint }) })
      .sort([...order])
      .skip(offset)
      .limit(limit);
    return (await cursor.toArray()) as unknown as PatientDocument[]; // the projection leaves out what no reader of a page uses
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

type Counts = Pick<ClinicCounts, 'total' | 'tags' | 'sites'>;

/** A way to those that may match: an index, the condition that it serves, and how many documents would be looked at. */
interface Way {
  readonly hint: string;
  readonly condition?: Condition;
  readonly size: number;
}

const FREQUENCY_MS = 30_000;
const MOST_PIECES = 6;
const WORTH_FETCHING = 2_000;
/** Looking at an entry of an index is so much cheaper than at a document. */
const INDEX_ONLY = 0.2;

/** In name order through the clinic; a search is decided within the index, by the text that it holds. */
const throughTheClinic = ({ search }: PatientFilter, { total }: Counts): Way => ({
  hint: 'by_name',
  size: search === undefined ? total : total * INDEX_ONLY,
});

const byTag = ({ tags = [] }: PatientFilter, counts: Counts): Way[] =>
  tags.map((tag) => ({ hint: 'by_tag', condition: { tags: tag }, size: counts.tags[tag.toHexString()] ?? 0 }));

function bySite({ sites = [] }: PatientFilter, counts: Counts): Way[] {
  if (sites.length === 0) return [];
  const size = sites.reduce((sum, site) => sum + (counts.sites[site.toHexString()] ?? 0), 0);
  return [
    {
      hint: 'by_site',
      condition: sites.length === 1 ? { 'sites._id': sites[0] } : { 'sites._id': { $in: sites } },
      size,
    },
  ];
}

/** Says whether a filter is nothing, or just one tag or one site, whose count is kept. */
function labelsOnly({ search, tags, sites, figures, others }: PatientFilter): 'none' | 'one' | 'more' {
  if (search !== undefined || Object.keys(figures).length + Object.keys(others).length > 0) return 'more';
  if (!tags && !sites) return 'none';
  return (tags?.length === 1 && !sites) || (sites?.length === 1 && !tags) ? 'one' : 'more';
}

/** The way's own condition comes first: of several on one index, MongoDB takes the first. */
function conditionsOf({ search, tags, sites, figures, others }: PatientFilter, way: Way): Condition[] {
  return [
    way.condition ?? {},
    search === undefined ? {} : searchCondition(search),
    labelCondition('tags', tags && { tags: { $all: tags } }, tags),
    labelCondition('sites', sites && { 'sites._id': { $in: sites } }, sites),
    figures,
    others,
  ].filter((condition) => Object.keys(condition).length > 0);
}

function labelCondition(field: string, condition: Condition = {}, wanted?: readonly ObjectId[]): Condition {
  return wanted?.length === 0 ? { [field]: { $size: 0 } } : condition;
}
