import { COLUMN, PEOPLE, type SheetPlace } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import { labelled, placeOf } from '../patients/list-questions.ts';
import { Matching } from '../patients/matching.ts';
import type { Column, Sheets } from '../patients/sheet-columns.ts';
import type { TideCategory } from './tide-categories.ts';

/** At most so many patients in all categories together. */
export const MOST_PATIENTS = 100;
/** At most so many more without data. */
export const MOST_WITHOUT_DATA = 50;

/** No data for so long is worth a look. */
const SILENT_MS = 8 * 60 * 60 * 1000;

/** Which patients a report is about, and how they are sorted into it. */
export interface TideScope {
  /** All of these. */
  readonly tags: readonly Types.ObjectId[];
  readonly period: string;
  readonly cutoff: Date;
  readonly categories: readonly TideCategory[];
  readonly excludeNoData: boolean;
}

const LAST_DATA = placeOf({ kind: 'cgm', name: 'lastData' });
const TAGS: Column = { part: PEOPLE, column: COLUMN.tags };
const DISCONNECTED: Column = { part: PEOPLE, column: COLUMN.disconnected };
const placeIn = ({ period }: TideScope, { figure }: TideCategory) => placeOf({ kind: 'cgm', name: figure, period });

/** The columns of a clinic's sheets that a report is made from. */
export const columnsOf = (scope: TideScope): readonly Column[] => [
  ...[TAGS, LAST_DATA, DISCONNECTED],
  ...scope.categories.map((category) => placeIn(scope, category)),
];

/** Who is in which category of a report, by their ids in hex; each patient is in one, and none when it is full. */
export function selectFrom(sheets: Sheets, scope: TideScope, now: Date): ReadonlyMap<string, readonly string[]> {
  const tagged = new TaggedPatients(sheets, scope);
  const report = new Map<string, readonly string[]>();
  let left = tagged.recent();
  let room = MOST_PATIENTS;
  for (const category of scope.categories) {
    // Who fits an earlier category is in no later one, also when the earlier one had no room left.
    const fits = tagged.fitting(category);
    const fitting = room > 0 ? left.filter(fits) : [];
    left = left.filter((place) => !fits(place));
    const shown = tagged.inOrder(fitting, tagged.figure(category), category.first).slice(0, room);
    report.set(category.name, tagged.idsOf(shown));
    room -= shown.length;
  }
  if (scope.excludeNoData) return report;
  const reported = new Set([...report.values()].flat());
  return report.set(
    'noData',
    tagged
      .idsOf(tagged.withoutData(now))
      .filter((id) => !reported.has(id))
      .slice(0, MOST_WITHOUT_DATA),
  );
}

/** The patients who carry the tags of a report, each at a place, with the figures that decide. */
class TaggedPatients {
  private readonly matching: Matching;
  private readonly places: readonly number[];
  private readonly lastData: Float64Array;
  private readonly figures = new Map<string, Float64Array>();
  private readonly disconnected = new Set<number>();

  constructor(
    sheets: Sheets,
    private readonly scope: TideScope,
  ) {
    this.matching = Matching.of(sheets, [labelled(COLUMN.tags, scope.tags, 'all')]);
    this.places = this.matching.places();
    this.lastData = this.none();
    this.read([[LAST_DATA, this.lastData]]);
    for (const category of scope.categories) this.figures.set(category.figure, this.none());
    const wanted = scope.categories.map((category) => [placeIn(scope, category), this.figure(category)] as const);
    for (const inColumn of Map.groupBy(wanted, ([{ column }]) => column).values()) this.read(inColumn);
    this.matching.visit(DISCONNECTED, (place) => this.disconnected.add(place));
  }

  /** By place; NaN for none. */
  figure({ figure }: TideCategory): Float64Array {
    return this.figures.get(figure) ?? this.none();
  }

  recent(): number[] {
    const { lastData, places } = this;
    const cutoff = this.scope.cutoff.getTime();
    return places.filter((place) => (lastData[place] ?? NaN) >= cutoff);
  }

  fitting(category: TideCategory): (place: number) => boolean {
    const figure = this.figure(category);
    return (place) => category.includes(figure[place] ?? NaN);
  }

  /** Those who never had data, then those who were silent too long, longest first. */
  withoutData(now: Date): number[] {
    const { lastData, places } = this;
    const cutoff = this.scope.cutoff.getTime();
    const silentSince = now.getTime() - SILENT_MS;
    const isSilent = (place: number) => {
      const last = lastData[place] ?? NaN;
      return last < silentSince && (last < cutoff || this.disconnected.has(place));
    };
    const never = places.filter((place) => Number.isNaN(lastData[place] ?? NaN));
    return [...this.inOrder(never, lastData, 1), ...this.inOrder(places.filter(isSilent), lastData, 1)];
  }

  /** By a figure, and then who came first. */
  inOrder(places: readonly number[], values: Float64Array, direction: 1 | -1): number[] {
    const { patients } = this.matching;
    return places.toSorted((a, b) => direction * ((values[a] ?? NaN) - (values[b] ?? NaN)) || patients.compare(a, b));
  }

  idsOf(places: readonly number[]): string[] {
    return places.map((place) => this.matching.patients.idAt(place));
  }

  private none(): Float64Array {
    return new Float64Array(this.matching.patients.size).fill(NaN);
  }

  /** Figures that stand in one column. */
  private read(wanted: readonly (readonly [SheetPlace, Float64Array])[]): void {
    const [[column] = []] = wanted;
    if (!column) return;
    this.matching.visit(column, (place, bytes, at) => {
      for (const [{ at: offset }, values] of wanted) values[place] = bytes.readDoubleLE(at + offset);
    });
  }
}
