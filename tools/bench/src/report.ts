import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { barChart } from './charts.ts';
import type { EventFigures } from './events-report.ts';
import { eventRows } from './events-report.ts';
import { type GrowthFigures, growthPlots, growthTables } from './growth-report.ts';
import { type LoadFigures, loadRows } from './load-report.ts';
import { type MoveFigures, moveRows } from './moves.ts';
import { dayOf, figuresOf, RESULTS, writePlots, writeSection } from './pages.ts';
import { markdownTable, missedOf, type Row } from './rows.ts';
import { type SizeFigures, sizesTable } from './sizes-report.ts';
import { type SoakFigures, soakPlots, soakRows } from './soak-report.ts';

const HELP = `Usage: node tools/bench/src/main.ts report [--docs]

Puts together what the benches have left in dist/bench: report.md, and plots as SVG beside it. What has not run is left out and named.

  --docs   writes the tables into docs/performance.md and the plots into docs/performance/ too
`;

/** One report of all benches. @returns the exit status */
export async function report(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { help: { type: 'boolean', short: 'h' }, docs: { type: 'boolean' } },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const parts = await partsOfReport();
  await writePlots(Object.assign({}, ...parts.map(({ plots }) => plots)) as Record<string, string>, values.docs);
  const missed = parts.flatMap(({ rows }) => missedOf(rows));
  const text = [
    '# What was measured',
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    missed.length === 0
      ? 'All targets that were measured are met.'
      : `Missed:\n\n${missed.map(({ what, target, value, short }) => `- ${what}: ${value}, wanted ${target}; ${short}`).join('\n')}`,
    ...parts.map((part) => `## ${part.title}\n\n${bodyOf(part, '')}`),
  ].join('\n\n');
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, 'report.md'), `${text}\n`);
  if (values.docs)
    for (const part of parts)
      if (part.section && part.measured)
        await writeSection('docs/performance.md', part.section, bodyOf(part, 'performance/'));
  say(`${text}\n\nThe report: dist/bench/report.md, with plots (*.svg) beside it`);
  return 0;
}

interface Part {
  readonly title: string;
  /** Of docs/performance.md. */
  readonly section?: string;
  readonly measured: boolean;
  readonly day: string;
  readonly rows: readonly Row[];
  /** Markdown after the rows. */
  readonly text: string;
  readonly plots: Readonly<Record<string, string>>;
}

const bodyOf = ({ measured, day, rows, text, plots, title }: Part, folder: string): string =>
  measured
    ? [
        `Measured ${day}.`,
        ...(rows.length > 0 ? [markdownTable(rows)] : []),
        ...(text ? [text] : []),
        ...Object.keys(plots).map((name) => `![${title}](${folder}${name})`),
      ].join('\n\n')
    : 'Not measured in this run.';

const part = (title: string, section: string | undefined, made: Partial<Part> | undefined): Part => ({
  title,
  ...(section !== undefined && { section }),
  measured: made !== undefined,
  day: '',
  rows: [],
  text: '',
  plots: {},
  ...made,
});

async function partsOfReport(): Promise<Part[]> {
  const load = await figuresOf<LoadFigures>('load');
  const growth = await figuresOf<GrowthFigures>('growth');
  const events = await figuresOf<EventFigures>('events');
  const moves = await figuresOf<MoveFigures>('moves');
  const soak = await figuresOf<SoakFigures>('soak');
  const sizes = await figuresOf<SizeFigures>('sizes');
  const lists = await readFile(join(RESULTS, 'lists.txt'), 'utf8').catch(() => undefined);
  const parts = [
    part('Requests', 'load', load && { rows: loadRows(load), text: circumstances(load), plots: loadPlots(load) }),
    part('Growth', 'growth', growth && { text: growthTables(growth), plots: growthPlots(growth) }),
    part('Events', 'events', events && { rows: eventRows(events), text: ofEvents(events), plots: eventPlots(events) }),
    part('Moves', 'moves', moves && { rows: moveRows(moves) }),
    part('Lists', undefined, lists === undefined ? undefined : { text: `\`\`\`\n${lists.trim()}\n\`\`\`` }),
    part('Soak', 'soak', soak && { rows: soakRows(soak), plots: soakPlots(soak) }),
    part('Sizes', 'sizes', sizes && { text: sizesTable(sizes) }),
  ];
  return Promise.all(
    parts.map(async (each) => ({
      ...each,
      day: await dayOf(each.title === 'Lists' ? 'lists.txt' : `${each.section}.json`),
    })),
  );
}

const ofEvents = (events: EventFigures) =>
  [
    circumstances(events),
    events.peakRssMb &&
      `Memory at most: ${Object.entries(events.peakRssMb)
        .map(([app, mb]) => `${app} ${Math.round(mb)} MiB`)
        .join(', ')}.`,
    events.streams &&
      `A shard has ${events.streams.topics} topics with ${events.streams.partitions} partitions, ${events.streams.connectors} connectors with ${events.streams.tasks} tasks; a change takes ${Math.round(events.streams.bytesPerEvent)} bytes.`,
  ]
    .filter(Boolean)
    .join(' ');

const circumstances = ({ machine }: LoadFigures | EventFigures) =>
  `${machine.cores} cores, Node ${machine.node}, load of the machine before it began ${machine.loadBefore.toFixed(1)}.`;

function loadPlots({ caregate, bare }: LoadFigures): Record<string, string> {
  const categories = Object.keys(caregate);
  const of = (each: LoadFigures['bare'], field: 'rps' | 'p50ms' | 'p99ms') =>
    categories.map((name) => each[name]?.[field] ?? null);
  return {
    'requests.svg': barChart({
      title: 'Requests a second',
      unit: 'per second',
      categories,
      series: [
        { name: 'Caregate', values: of(caregate, 'rps') },
        { name: 'bare node:http and driver', values: of(bare, 'rps') },
        { name: 'public service', values: categories.map((name) => PUBLIC[name] ?? null) },
      ],
      log: true,
    }),
    'latency.svg': barChart({
      title: 'Time of a request, 16 at once',
      unit: 'ms',
      categories,
      series: [
        { name: 'p50', values: of(caregate, 'p50ms') },
        { name: 'p99', values: of(caregate, 'p99ms') },
        { name: 'bare p50', values: of(bare, 'p50ms') },
        { name: 'bare p99', values: of(bare, 'p99ms') },
      ],
      log: true,
    }),
  };
}

const PUBLIC: Readonly<Record<string, number>> = {
  get_clinic: 940,
  get_clinic_big: 36,
  list_patients: 25,
  search_patients: 34,
  create_patient_1000: 138,
  update_clinic: 620,
  update_patient: 245,
};

const eventPlots = ({ caregate, barePair }: EventFigures): Record<string, string> => ({
  'events.svg': barChart({
    title: 'From the write until the gatekeeper database shows it, 200 changes a second',
    unit: 'ms',
    categories: ['p50', 'p99'],
    series: [
      { name: 'Caregate', values: [caregate.steady.p50, caregate.steady.p99] },
      { name: 'bare pair of connectors', values: [barePair.steady.p50, barePair.steady.p99] },
    ],
  }),
});
