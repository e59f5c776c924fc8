import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { evaluated, keyOf, type Labels, type Samples, secondsOf } from './promql.ts';

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

const FILE = join(import.meta.dirname, '../../../../deploy/prometheus/caregate.rules.yml');

/** The alerts as they are deployed. */
export async function alertRules(): Promise<Rule[]> {
  const { groups } = parse(await readFile(FILE, 'utf8')) as { groups: { rules: Rule[] }[] }; // as Prometheus has it
  return groups.flatMap(({ rules }) => rules);
}

export interface Fired {
  readonly alert: string;
  readonly labels: Labels;
  /** In seconds. */
  readonly time: number;
}

/** Which alerts fire between two times, in seconds, and when first: each rule is looked at as often as Prometheus does. */
export function firedBy(rules: readonly Rule[], samples: Samples, from: number, to: number, every = 15): Fired[] {
  return rules.flatMap((rule) => {
    const holdsFor = rule.for === undefined ? 0 : secondsOf(rule.for);
    const since = new Map<string, number>();
    const fired = new Map<string, Fired>();
    for (let time = from; time <= to; time += every) {
      const found = new Map(evaluated(rule.expr, samples, time).map(({ labels }) => [keyOf(labels), labels]));
      for (const key of since.keys()) if (!found.has(key)) since.delete(key);
      for (const [key, labels] of found) {
        const begun = since.get(key) ?? time;
        since.set(key, begun);
        if (time - begun >= holdsFor && !fired.has(key)) fired.set(key, { alert: rule.alert, labels, time });
      }
    }
    return [...fired.values()];
  });
}
