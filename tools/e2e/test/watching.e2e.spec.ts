import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { call, eventually } from '@caregate/demo';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { parser } from '@prometheus-io/lezer-promql';
import { MongoClient } from 'mongodb';
import { leaveNothing } from './leave-nothing.ts';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../../..');
const prefix = `wa${randomBytes(3).toString('hex')}_`;

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

// As the formats of Prometheus and Grafana have it; the tests below look at what they use.
const text = (file: string) => readFile(join(root, file), 'utf8');
const rules = async () =>
  (parse(await text('deploy/prometheus/caregate.rules.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    (group) => group.rules,
  );
const dashboard = async () =>
  JSON.parse(await text('deploy/grafana/caregate.json')) as {
    uid: string;
    schemaVersion: number;
    panels: Panel[];
    templating: { list: { name: string; query: unknown; definition?: string }[] };
  };

/** Where an expression comes from, the expression, and the labels that are shown with its result. */
interface Use {
  readonly where: string;
  readonly expr: string;
  readonly shown: readonly string[];
}

async function uses(): Promise<Use[]> {
  const ofRules = (await rules()).map(({ alert, expr, annotations }) => ({
    where: alert,
    expr,
    shown: labelsIn(annotations.summary, /\$labels\.(\w+)/g),
  }));
  const ofPanels = (await dashboard()).panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: title,
      expr: expr.replaceAll('$shard', '.*'),
      shown: labelsIn(legendFormat, /\{\{(\w+)\}\}/g),
    })),
  );
  return [...ofRules, ...ofPanels];
}

const labelsIn = (shown: string, pattern: RegExp) => [...shown.matchAll(pattern)].map(([, label = '']) => label);

/** The metrics that an expression reads with the labels it matches, and the labels by which it groups; undefined when it is no PromQL. */
function read(expr: string) {
  const found = { metrics: [] as { name: string; labels: string[] }[], groupedBy: [] as string[] };
  let sound = true;
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      const said = expr.slice(from, to);
      if (type.isError) sound = false;
      if (type.name === 'VectorSelector') {
        const name = node.getChild('Identifier');
        const matchers = [...(/\{(.*)\}/s.exec(said)?.[1] ?? '').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)];
        found.metrics.push({
          name: name ? expr.slice(name.from, name.to) : said,
          labels: matchers.map(([, label = '']) => label),
        });
      }
      if (type.name === 'GroupingLabels') found.groupedBy.push(...labelsIn(said, /(\w+)/g));
    },
  });
  return sound ? found : undefined;
}

/** What Prometheus itself adds: of the scrape, of its jobs (see prometheus.yml), of histograms. */
const ADDED = new Set(['job', 'instance', 'app', 'shard', 'le']);

test('every expression is PromQL, and its metrics and labels are looked at here', async () => {
  for (const { where, expr } of await uses()) {
    const found = read(expr);
    expect({ where, expr, metrics: found?.metrics.length }).toEqual({ where, expr, metrics: expect.any(Number) });
    expect(found?.metrics.length).toBeGreaterThan(0);
  }
  expect(read('sum by (a) (rate(x{y="z"}[5m]')).toBeUndefined();
  expect(read('sum by (a, b) (rate(x{y="z"}[5m])) > 1')).toEqual({
    metrics: [{ name: 'x', labels: ['y'] }],
    groupedBy: ['a', 'b'],
  });
});

test('each alert has a name of its own, says what it means and what to do', async () => {
  const all = await rules();
  expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
  for (const { alert, labels, annotations } of all) {
    expect({ alert, severity: labels.severity }).toEqual({ alert, severity: expect.stringMatching(/^(page|warn)$/) });
    expect(annotations.summary.length).toBeGreaterThan(10);
    expect(annotations.description.length).toBeGreaterThan(10);
  }
});

test('the dashboard is one that Grafana loads: ids are unique, panels have a place and do not overlap', async () => {
  const { uid, schemaVersion, panels, templating } = await dashboard();
  expect({ uid, schemaVersion }).toEqual({ uid: 'caregate', schemaVersion: expect.any(Number) });
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'shard']);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { type, datasource, targets, gridPos } of panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    if (type !== 'row')
      expect({ datasource: datasource?.uid, targets: targets?.length }).toEqual({
        datasource: '${datasource}',
        targets: expect.any(Number),
      });
  }
});

test('prometheus scrapes every app of the compose file, and reads the rules', async () => {
  const { rule_files, scrape_configs } = parse(await text('deploy/prometheus/prometheus.yml')) as {
    rule_files: string[];
    scrape_configs: { static_configs: { targets: string[]; labels: { app: string; shard?: string } }[] }[];
  };
  const { services } = parse(await text('docker-compose.yml'), { merge: true }) as {
    services: Record<string, { profiles?: string[]; build?: { args?: { APP?: string } } }>;
  };
  const apps = Object.entries(services).flatMap(([name, { build }]) =>
    build?.args?.APP === undefined ? [] : [{ name, app: build.args.APP }],
  );
  const targets = scrape_configs.flatMap(({ static_configs }) => static_configs);
  expect(targets.map(({ targets: [target], labels }) => ({ name: target?.split(':')[0], app: labels.app }))).toEqual(
    expect.arrayContaining(apps),
  );
  expect(targets).toHaveLength(apps.length);
  expect(rule_files).toEqual(['caregate.rules.yml']);
  expect([services['prometheus']?.profiles, services['grafana']?.profiles]).toEqual([['watch'], ['watch']]);
});

describe('on running apps', () => {
  let servers: Servers;
  let platform: Platform;
  let mongo: MongoClient;

  beforeAll(async () => {
    servers = await startServers();
    platform = await startShards(servers, {
      shards: ['au1'],
      prefix,
      env: () => ({ DRIFT_CHECK_SECONDS: '1', LAG_SECONDS: '0.5' }),
    });
    mongo = await MongoClient.connect(servers.mongodbUri);
    // A reaction, so that its age is told; and a request.
    await mongo
      .db(platform.shard('au1').database)
      .collection('clinics')
      .insertOne({ name: 'Watched', admins: ['0123456789'] });
    for (const app of platform.apps) await call({ url: `${app.url}/v1/clinics/0123456789abcdef01234567` });
  }, 300_000);

  afterAll(async () => {
    await platform?.stop();
    await leaveNothing(servers, prefix);
    await mongo.close();
    await servers?.stop();
  });

  /** The samples that the apps export: each name with the labels that it comes with. */
  async function exported(): Promise<Map<string, Set<string>>> {
    const found = new Map<string, Set<string>>();
    for (const app of platform.apps) {
      const body = await (await fetch(`${app.url}/metrics`)).text();
      for (const [, name = '', labels = ''] of body.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? \S+$/gm)) {
        const known = found.get(name) ?? new Set();
        for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
        found.set(name, known);
      }
    }
    return found;
  }

  test('every metric and label in rules and dashboard is exported by some app', async () => {
    const wanted = (await uses()).map(({ where, expr, shown }) => ({
      where,
      shown,
      ...(read(expr) ?? { metrics: [], groupedBy: [] }),
    }));
    const missing = async () => {
      const found = await exported();
      return wanted.flatMap(({ where, metrics, groupedBy, shown }) => {
        const names = metrics.filter(({ name }) => name !== 'up');
        const known = new Set([...ADDED, ...names.flatMap(({ name }) => [...(found.get(name) ?? [])])]);
        return [
          ...names.filter(({ name }) => !found.has(name)).map(({ name }) => `${where}: ${name}`),
          ...names.flatMap(({ name, labels }) =>
            labels
              .filter((label) => !ADDED.has(label) && !found.get(name)?.has(label))
              .map((label) => `${where}: ${name}{${label}}`),
          ),
          ...[...groupedBy, ...shown].filter((label) => !known.has(label)).map((label) => `${where}: ${label}`),
        ];
      });
    };
    let last: string[] = [];
    await eventually('all metrics', async () => (last = await missing()).length === 0, 60_000).catch(() => undefined);
    expect(last).toEqual([]);
  }, 120_000);
});
