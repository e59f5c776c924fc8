/** A figure of a period, and the patients whom it calls attention to. */
export interface TideCategory {
  readonly name: string;
  readonly figure: string;
  /** Never of a figure that is not there, NaN. */
  readonly includes: (figure: number) => boolean;
  /** Whom to see first: 1 the lowest figure, -1 the highest. */
  readonly first: 1 | -1;
}

const above = (name: string, threshold: number): TideCategory => ({
  name,
  figure: name,
  includes: (figure) => figure > threshold,
  first: -1,
});
const atLeast = (name: string, threshold: number, figure = name): TideCategory => ({
  name,
  figure,
  includes: (value) => value >= threshold,
  first: -1,
});
const below = (name: string, threshold: number, figure = name): TideCategory => ({
  name,
  figure,
  includes: (value) => value < threshold,
  first: 1,
});

/** In the order of the report (behaviour, "Patients", TIDE report). */
const BY_DEFAULT: readonly TideCategory[] = [
  above('timeInVeryLowPercent', 0.01),
  above('timeInAnyLowPercent', 0.04),
  above('timeInVeryHighPercent', 0.05),
  above('timeInAnyHighPercent', 0.25),
  below('dropInTimeInTargetPercent', -0.15, 'timeInTargetPercentDelta'),
  below('timeCGMUsePercent', 0.7),
  atLeast('meetingTargets', 0.7, 'timeInTargetPercent'),
];
const ON_REQUEST: readonly TideCategory[] = [
  below('timeInTargetPercent', 0.7),
  atLeast('timeInExtremeHighPercent', 0.01),
];

/** The categories of a report: those asked for, in that order and each once, or else the default ones. */
export function categoriesOf(names: readonly string[] = []): readonly TideCategory[] {
  if (names.length === 0) return BY_DEFAULT;
  const known = [...BY_DEFAULT, ...ON_REQUEST];
  return [...new Set(names)].flatMap((name) => known.find((category) => category.name === name) ?? []);
}

/** What clients show as the meaning of the categories; the same in every report, as in the public service. */
export const FILTERS = {
  timeInVeryLowPercent: '>0.01',
  timeInAnyLowPercent: '>0.04',
  dropInTimeInTargetPercent: '<-0.15',
  timeInTargetPercent: '<0.7',
  timeCGMUsePercent: '<0.7',
} as const;

/** In mmol/L. */
export const THRESHOLDS = {
  veryLowGlucoseThreshold: 3.0,
  lowGlucoseThreshold: 3.9,
  highGlucoseThreshold: 10.0,
  veryHighGlucoseThreshold: 13.9,
  extremeHighGlucoseThreshold: 19.4,
} as const;

export const SCHEMA_VERSION = 2;
