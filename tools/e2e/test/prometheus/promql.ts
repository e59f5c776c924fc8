import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];
export type Labels = Readonly<Record<string, string>>;
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}
type Value = number | readonly Sample[];
interface Selector {
  readonly name: string;
  readonly labels: Labels;
}
interface Series {
  readonly labels: Labels;
  readonly points: { readonly time: number; readonly value: number }[];
}

/** In seconds: how long Prometheus takes a sample for the present one. */
const STALE_AFTER = 300;

/** Samples over time, in seconds, as Prometheus keeps what it scrapes. */
export class Samples {
  /** By name, and by labels. */
  private readonly series = new Map<string, Map<string, Series>>();

  add(time: number, name: string, labels: Labels, value: number): void {
    const named = this.series.get(name) ?? new Map<string, Series>();
    this.series.set(name, named);
    const key = keyOf(labels);
    const series = named.get(key) ?? { labels, points: [] };
    named.set(key, series);
    series.points.push({ time, value });
  }

  at(time: number, selector: Selector): Sample[] {
    return this.range(time, STALE_AFTER, selector).flatMap(({ labels, points }) => {
      const last = points.at(-1);
      return last ? [{ labels, value: last.value }] : [];
    });
  }

  range(time: number, seconds: number, { name, labels: wanted }: Selector): Series[] {
    return [...(this.series.get(name)?.values() ?? [])]
      .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value))
      .map((each) => ({
        ...each,
        points: each.points.filter((point) => point.time > time - seconds && point.time <= time),
      }));
  }
}

/**
 * The part of PromQL that our alerts are written in. It differs from Prometheus in one point: `increase` and `rate` do not extrapolate to the ends of
 * their range.
 * @throws {Error} for what it does not know, so that no alert is taken for tried that was not understood
 */
export function evaluated(expr: string, samples: Samples, time: number): readonly Sample[] {
  const tree = trees.get(expr) ?? parser.parse(expr);
  trees.set(expr, tree);
  const value = new Evaluation(expr, samples, time).of(tree.topNode);
  return typeof value === 'number' ? [{ labels: {}, value }] : value;
}

const trees = new Map<string, ReturnType<typeof parser.parse>>();

class Evaluation {
  constructor(
    private readonly expr: string,
    private readonly samples: Samples,
    private readonly time: number,
  ) {}

  of(node: SyntaxNode): Value {
    switch (node.type.name) {
      case 'PromQL':
      case 'ParenExpr':
        return this.of(first(node));
      case 'NumberDurationLiteral':
        return Number(this.text(node));
      case 'VectorSelector':
        return this.samples.at(this.time, this.selector(node));
      case 'BinaryExpr':
        return this.binary(node);
      case 'AggregateExpr':
        return this.aggregate(node);
      case 'FunctionCall':
        return this.call(node);
      default:
        throw new Error(`${node.type.name} is not known here: ${this.text(node)}`);
    }
  }

  private binary(node: SyntaxNode): Value {
    const [left, operator, right] = childrenOf(node);
    if (!left || !operator || !right) throw new Error(`not a binary expression: ${this.text(node)}`);
    const combine = combination(this.text(operator));
    const [one, other] = [this.of(left), this.of(right)];
    if (typeof one === 'number') {
      if (typeof other === 'number') return combine(one, other) ?? NaN;
      return kept(other, (sample) => combine(one, sample.value));
    }
    if (typeof other === 'number') return kept(one, (sample) => combine(sample.value, other));
    const byLabels = new Map(other.map((sample) => [keyOf(sample.labels), sample.value]));
    return kept(one, ({ labels, value }) => {
      const counterpart = byLabels.get(keyOf(labels));
      return counterpart === undefined ? undefined : combine(value, counterpart);
    });
  }

  private aggregate(node: SyntaxNode): readonly Sample[] {
    const [operator, ...rest] = childrenOf(node);
    const grouping = rest.find(({ type }) => type.name === 'AggregateModifier');
    const body = rest.find(({ type }) => type.name === 'FunctionCallBody');
    if (!operator || !body) throw new Error(`not an aggregation: ${this.text(node)}`);
    const labels = grouping ? [...this.text(grouping).matchAll(/\w+/g)].map(([word]) => word).slice(1) : [];
    const together = { sum: (a: number, b: number) => a + b, max: Math.max }[this.text(operator)];
    if (!together) throw new Error(`the aggregation ${this.text(operator)} is not known here`);
    const value = this.of(first(body));
    if (typeof value === 'number') throw new Error('only vectors are aggregated');
    const groups = new Map<string, Sample>();
    for (const sample of value) {
      const group = pick(sample.labels, labels);
      const known = groups.get(keyOf(group));
      groups.set(keyOf(group), {
        labels: group,
        value: known ? together(known.value, sample.value) : sample.value,
      });
    }
    return [...groups.values()];
  }

  private call(node: SyntaxNode): Value {
    const [identifier, body] = childrenOf(node);
    const name = identifier ? this.text(identifier) : '';
    const [argument, other] = body ? childrenOf(body) : [];
    if (name === 'time') return this.time;
    if (name === 'increase' && argument) return this.increase(argument, () => 1);
    if (name === 'rate' && argument) return this.increase(argument, (seconds) => 1 / seconds);
    if (name === 'histogram_quantile' && argument && other) return quantiles(this.of(argument), this.of(other));
    throw new Error(`the function ${name} is not known here`);
  }

  private increase(node: SyntaxNode, factor: (seconds: number) => number): readonly Sample[] {
    const [selector, duration] = childrenOf(node);
    if (node.type.name !== 'MatrixSelector' || !selector || !duration)
      throw new Error(`not a range: ${this.text(node)}`);
    const seconds = secondsOf(this.text(duration));
    return this.samples.range(this.time, seconds, this.selector(selector)).flatMap(({ labels, points }) => {
      if (points.length < 2) return [];
      const grown = points.slice(1).reduce((sum, { value }, n) => {
        const before = points[n]?.value ?? 0;
        return sum + (value >= before ? value - before : value); // smaller: the app began anew
      }, 0);
      return [{ labels, value: grown * factor(seconds) }];
    });
  }

  private selector(node: SyntaxNode): Selector {
    const identifier = node.getChild('Identifier');
    if (!identifier || /=~|!~|!=/.test(this.text(node))) throw new Error(`not known here: ${this.text(node)}`);
    const wanted = [...this.text(node).matchAll(/(\w+)\s*=\s*"([^"]*)"/g)];
    return {
      name: this.text(identifier),
      labels: Object.fromEntries(wanted.map(([, label = '', value = '']) => [label, value])),
    };
  }

  private text({ from, to }: SyntaxNode): string {
    return this.expr.slice(from, to);
  }
}

/** In seconds: of 15s, 10m, 1h. */
export function secondsOf(duration: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(duration) ?? [];
  const seconds = { s: 1, m: 60, h: 3_600 }[unit];
  if (!seconds) throw new Error(`not a duration: ${duration}`);
  return Number(count) * seconds;
}

function combination(operator: string): (one: number, other: number) => number | undefined {
  switch (operator) {
    case '+':
      return (one, other) => one + other;
    case '-':
      return (one, other) => one - other;
    case '/':
      return (one, other) => one / other;
    case '>':
      return (one, other) => (one > other ? one : undefined);
    case '==':
      return (one, other) => (one === other ? one : undefined);
    default:
      throw new Error(`the operator ${operator} is not known here`);
  }
}

/** By linear interpolation in the bucket, as Prometheus has it. */
function quantiles(quantile: Value, buckets: Value): readonly Sample[] {
  if (typeof quantile !== 'number' || typeof buckets === 'number') throw new Error('not a quantile of a histogram');
  const histograms = new Map<string, { labels: Labels; buckets: { le: number; count: number }[] }>();
  for (const { labels, value } of buckets) {
    const { le = '', ...rest } = labels;
    const histogram = histograms.get(keyOf(rest)) ?? { labels: rest, buckets: [] };
    histogram.buckets.push({ le: le === '+Inf' ? Infinity : Number(le), count: value });
    histograms.set(keyOf(rest), histogram);
  }
  return [...histograms.values()].flatMap(({ labels, buckets: found }) => {
    const sorted = found.sort((one, other) => one.le - other.le);
    const wanted = quantile * (sorted.at(-1)?.count ?? 0);
    const at = sorted.findIndex(({ count }) => count >= wanted);
    const [bucket, below = { le: 0, count: 0 }] = [sorted[at], sorted[at - 1]];
    if (wanted === 0 || !bucket) return [];
    if (bucket.le === Infinity) return [{ labels, value: below.le }];
    const part = (wanted - below.count) / (bucket.count - below.count);
    return [{ labels, value: below.le + (bucket.le - below.le) * part }];
  });
}

const kept = (samples: readonly Sample[], map: (sample: Sample) => number | undefined): Sample[] =>
  samples.flatMap((sample) => {
    const value = map(sample);
    return value === undefined ? [] : [{ labels: sample.labels, value }];
  });

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}

function first(node: SyntaxNode): SyntaxNode {
  if (!node.firstChild) throw new Error('an expression is missing');
  return node.firstChild;
}

const pick = (labels: Labels, names: readonly string[]): Labels =>
  Object.fromEntries(names.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])));

export const keyOf = (labels: Labels): string =>
  JSON.stringify(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1)));
