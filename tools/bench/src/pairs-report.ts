/** One turn of both builds: requests a second. */
export interface Pair {
  readonly scenario: string;
  readonly here: number;
  readonly other: number;
}

/** Median, least and greatest ratio of this build to the other, by scenario: above 1 this one is faster. */
export function pairsTable(pairs: readonly Pair[]): string {
  const rows = [...Map.groupBy(pairs, ({ scenario }) => scenario)].map(([scenario, some]) => {
    const ratios = some.map(({ here, other }) => here / other).toSorted((a, b) => a - b);
    const [least = Number.NaN, greatest = Number.NaN] = [ratios[0], ratios.at(-1)];
    return `| ${scenario} | ${median(some.map(({ here }) => here)).toFixed(0)} | ${median(some.map(({ other }) => other)).toFixed(0)} | ${median(ratios).toFixed(2)} | ${least.toFixed(2)} to ${greatest.toFixed(2)} |`;
  });
  return [
    '| scenario | here, a second | other, a second | ratio | of single pairs |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b);
  const [low = Number.NaN, high = low] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ];
  return (low + high) / 2;
}
