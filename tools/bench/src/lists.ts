import { MongoClient } from 'mongodb';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createClinicClient } from '@caregate/contracts';
import { startApi } from '@caregate/fuzz/api';
import { makeWorld, type World } from '@caregate/fuzz/world';
import { startServers } from '@caregate/stack';
import { fillClinic } from './list-clinic.ts';
import { type Kind, kindsOf } from './list-kinds.ts';
import { groupTable, type Timing, timingOf } from './list-report.ts';

const LIMIT_MS = 15;
const HELP = `Usage: node tools/bench/src/main.ts lists [--patients N] [--runs N] [--only WORD] [--whole] [--every] [--forgetful] [--check]

Every kind of list, search and report in a clinic of many patients, one request at a time, against the built clinic API: how long it takes,
next to a bare find in the same run, and what MongoDB looks at for it. Where MONGODB_URI is set that server is used.

  --patients N   of the clinic (10000)
  --runs N       how often each request is made (5)
  --only WORD    only groups whose name has this word
  --whole        each figure in each period, not only in one
  --every        one line for each request, not only for each group
  --forgetful    nothing of the sheets is kept in memory: what the first list after a start takes
  --check        exit 1 when a request takes more than ${LIMIT_MS} ms at its best
`;

/** The bench of lists. @returns the exit status */
export async function lists(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      patients: { type: 'string', default: '10000' },
      runs: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      every: { type: 'boolean' },
      whole: { type: 'boolean' },
      forgetful: { type: 'boolean' },
      check: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const timings = await measured(
    {
      patients: Number(values.patients),
      runs: Number(values.runs),
      only: values.only,
      whole: values.whole ?? false,
      settings: values.forgetful ? { SHEET_CACHE_MIB: '0' } : {},
    },
    say,
  );
  say(groupTable(timings, LIMIT_MS, values.every ?? false));
  const slow = timings.filter(({ min }) => min > LIMIT_MS);
  return values.check && slow.length > 0 ? 1 : 0;
}

interface Plan {
  readonly patients: number;
  readonly runs: number;
  readonly only: string;
  readonly whole: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

async function measured(
  { patients, runs, only, whole, settings }: Plan,
  say: (line: string) => void,
): Promise<Timing[]> {
  const servers = await startServers({ only: ['mongod'], log: say });
  const api = await startApi(servers.mongodbUri, undefined, settings);
  const { MONGODB_URI: uri = '' } = api.app.env;
  const database = await MongoClient.connect(uri);
  try {
    const world = await makeWorld(api.target);
    const service = createClinicClient({ baseUrl: api.target.url, token: world.serviceToken });
    const began = performance.now();
    const count = await fillClinic(uri, world, service, patients);
    say(
      `filled: ${count} patients in ${Math.round((performance.now() - began) / 1_000)} s; load of the machine ${loadavg()[0]?.toFixed(1)}`,
    );
    const asking = new Asking(api.target.url, database, world);
    const timings = [await asking.bareFind(runs), await asking.nothing(runs)];
    const kinds = kindsOf(world, whole).filter(({ group }) => group.includes(only));
    for (const kind of kinds) await asking.time(kind, 1); // as in a service that has run for a while
    for (const kind of kinds) timings.push(await asking.time(kind, runs));
    for (const caller of ['an API key', 'a member'] as const)
      timings.push(await asking.time({ ...plainList(world), group: `plain, as ${caller}` }, runs, caller));
    return timings;
  } finally {
    await database.close();
    await api.close();
    await servers.stop();
  }
}

const plainList = ({ ids }: World): Kind => ({
  group: 'plain',
  path: `/v1/clinics/${ids.clinicId[0]}/patients`,
  query: {},
});

type Who = 'an admin' | 'a member' | 'an API key';

class Asking {
  private readonly url: string;
  private readonly database: MongoClient;
  private readonly world: World;

  constructor(url: string, database: MongoClient, world: World) {
    this.url = url;
    this.database = database;
    this.world = world;
  }

  /** What a page costs the driver alone. */
  bareFind(runs: number): Promise<Timing> {
    const patients = this.database.db().collection('patients');
    const find = () => patients.find({}, { hint: 'by_user' }).sort({ userId: 1 }).limit(10).toArray();
    return timingOf({ group: 'a bare find of ten', request: '' }, 5 * runs, find);
  }

  /** What a request costs that asks for nothing. */
  nothing(runs: number): Promise<Timing> {
    return timingOf({ group: 'GET /live', request: '' }, 5 * runs, async () =>
      (await fetch(`${this.url}/live`)).text(),
    );
  }

  async time({ group, path, query }: Kind, runs: number, who: Who = 'an admin'): Promise<Timing> {
    const request = `${path.replace(/^\/v1\/clinics\/\w+/, '')}?${searchOf(query)}`;
    const ask = async () => {
      const answer = await fetch(`${this.url}${path}?${searchOf(query)}`, { headers: this.headersOf(who) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} to ${request}: ${text.slice(0, 200)}`);
    };
    await ask();
    const before = await this.processorTime();
    const timing = await timingOf({ group, request }, runs, ask);
    const after = await this.processorTime();
    const each = (used: 'api' | 'database') => (after[used] - before[used]) / (runs + 1);
    return { ...timing, api: each('api'), database: each('database'), ...(await this.lookedAt(ask)) };
  }

  /** Milliseconds that both have worked: unlike time that passes, the same on a busy machine. */
  private async processorTime() {
    const metrics = await (await fetch(`${this.url}/metrics`)).text();
    const [, seconds = '0'] = /^process_cpu_seconds_total (\S+)/m.exec(metrics) ?? [];
    const { extra_info: used } = await this.database.db('admin').command({ serverStatus: 1 });
    return { api: Number(seconds) * 1_000, database: (used.user_time_us + used.system_time_us) / 1_000 };
  }

  /** Keys and documents that the database looks at for a request, all its queries together. */
  private async lookedAt(ask: () => Promise<void>) {
    const db = this.database.db();
    await db.setProfilingLevel('all');
    const before = new Date();
    await ask();
    await db.setProfilingLevel('off');
    const operations = await db
      .collection('system.profile')
      .find({ ns: { $regex: '\\.patient' }, ts: { $gte: before } })
      .toArray();
    const sum = (field: string) => operations.reduce((total, operation) => total + Number(operation[field] ?? 0), 0);
    return { keys: sum('keysExamined'), documents: sum('docsExamined') };
  }

  private headersOf(who: Who): Record<string, string> {
    const { admin, member, apiKey } = this.world;
    if (who === 'an API key') return { authorization: `Basic ${btoa(`${apiKey}:`)}` };
    return { 'x-tidepool-session-token': (who === 'a member' ? member : admin).token };
  }
}

function searchOf(query: Kind['query']): URLSearchParams {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    search.set(name, Array.isArray(value) ? value.join(',') : String(value));
  return search;
}
