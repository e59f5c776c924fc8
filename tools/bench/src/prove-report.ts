import { markdown } from './rows.ts';

export interface Tried {
  readonly file: string;
  readonly seconds: number;
  readonly tests: readonly {
    readonly title: string;
    /** Undefined when it was left out. */
    readonly held: boolean | undefined;
    readonly reason?: string;
  }[];
  readonly figures: readonly string[];
}

export interface Proof {
  readonly date: string;
  readonly minutes: number;
  readonly cores: number;
  /** All files were run. */
  readonly whole: boolean;
  /** Files that were run once more by themselves, such as where something else had the machine busy; their first outcome is not in `tried`. */
  readonly again?: readonly string[];
  readonly tried: readonly Tried[];
}

/** Files of many small tests are one row each; what is long by itself has a row for each test. */
const MANY = 6;

/** A run of some files after a whole one: their rows in place of those of the first. */
export function withAgain(whole: Proof, again: Proof): Proof {
  const files = again.tried.map(({ file }) => file);
  const anew = new Map(again.tried.map((each) => [each.file, each]));
  return {
    ...whole,
    minutes: whole.minutes + again.minutes,
    again: [...new Set([...(whole.again ?? []), ...files])],
    tried: whole.tried.map((each) => anew.get(each.file) ?? each),
  };
}

/** What was tried, held and lost. */
export function proveTable({ date, minutes, cores, whole, again = [], tried }: Proof): string {
  const tests = tried.flatMap((each) => each.tests);
  const count = (held: boolean | undefined) => tests.filter((test) => test.held === held).length;
  const rows = tried.flatMap((each) => rowsOf(each));
  return [
    `${date}, ${cores} cores, ${minutes.toFixed(0)} minutes: ${tests.length} tried, ${count(true)} held, ${count(false)} lost${count(undefined) > 0 ? `, ${count(undefined)} left out` : ''}.${whole ? '' : ' Not all was run.'}${again.length > 0 ? ` Run again by themselves: ${again.map((file) => file.split('/').at(-1)).join(', ')}.` : ''}`,
    markdown(['tried', '', 'figures', 'where'], rows),
  ].join('\n\n');
}

function rowsOf({ file, tests, figures }: Tried): string[][] {
  const where = `[${file.split('/').at(-1)}](${file})`;
  if (tests.length > MANY || file.includes('.int.')) {
    const lost = tests.filter(({ held }) => held === false);
    const outcome = lost.length === 0 ? 'held' : `LOST ${lost.length}`;
    const what = `${tests.length} ${tests.length === 1 ? 'test' : 'tests'}${lost.length > 0 ? `; lost: ${lost.map(({ title }) => title).join('; ')}` : ''}`;
    return [[`${nameOf(file)}: ${what}`, outcome, figures.join('; '), where]];
  }
  return tests.map(({ title, held, reason }, n) => [
    title,
    held === undefined ? 'left out' : held ? 'held' : `LOST: ${reason ?? ''}`,
    n === 0 ? figures.join('; ') : '',
    where,
  ]);
}

const nameOf = (file: string) => (file.split('/').at(-1) ?? '').replace(/\..*/, '').replaceAll('-', ' ');

const FIGURES = [
  /figure: (.+)/g, // what a test says of itself
  /(writers waited \d+ ms \(median of the moves\))/g,
  /(all (?:good|bad) ones are [\w ]+ after [\d.]+ s)/g,
  /(\d+ kills: .+)/g,
  /(\d+ emails due, .+)/g,
];
const OVERLOAD = /"what": "(.+)",[^}]*?"taken": "(.+)",[^}]*?"turnedAway": "(.+)"/g;
const RECOVERY = /: replicated (\d+) ms, mailed/g;

/** Figures that a test has told while it ran. */
export function figuresIn(output: string): string[] {
  const recoveries = [...output.matchAll(RECOVERY)].map(([, ms]) => Number(ms));
  return [
    ...FIGURES.flatMap((figure) => [...output.matchAll(figure)].map(([, text]) => (text ?? '').trim())),
    ...[...output.matchAll(OVERLOAD)].map(([, what, taken, away]) => `${what}: taken ${taken}; turned away ${away}`),
    ...(recoveries.length > 0
      ? [
          `${recoveries.length} kills, permissions went on at most ${(Math.max(...recoveries) / 1_000).toFixed(1)} s after`,
        ]
      : []),
  ];
}
