import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { filledClinic } from './copied-patients.ts';
import { COMPAT, leftOut, memoryOf, startMeasuredApi, startPlace } from './load-tool.ts';
import { RESULTS } from './pages.ts';
import { type Ask, LAST, newPatient, personOf, Requests } from './requests.ts';
import { missedOf, textTable } from './rows.ts';
import { type SoakFigures, soakRows, type SoakSample } from './soak-report.ts';
import { withCleanup } from './with-cleanup.ts';

const HELP = `Usage: make soak
       node tools/bench/src/main.ts soak [--minutes N] [--patients N] [--check]

A steady mix of reads and writes against the built clinic API, with its memory every few seconds: whether anything leaks. What is added is
removed again, so the data stay as many. When it is interrupted, what was measured so far counts.

  --minutes N    how long (20)
  --patients N   of the clinic (2000)
  --check        exit 1 when something grows
`;
const SAMPLES = 240;
const LOOKS_PER_SAMPLE = 5;

/** The soak. @returns the exit status */
export async function soak(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      compat: { type: 'string', default: COMPAT },
      minutes: { type: 'string', default: '20' },
      patients: { type: 'string', default: '2000' },
      check: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const missing = leftOut('the soak', values.compat);
  if (missing !== undefined) {
    say(missing);
    return 0;
  }
  const figures = await measured(
    { compat: values.compat, seconds: Number(values.minutes) * 60, patients: Number(values.patients) },
    say,
  );
  const rows = soakRows(figures);
  say(`\n${textTable(rows)}\n\nAll figures: dist/bench/soak.json`);
  return values.check && missedOf(rows).length > 0 ? 1 : 0;
}

interface Plan {
  readonly compat: string;
  readonly seconds: number;
  readonly patients: number;
}

const ADMIN = 'a999000201'; // ten digits, as the stub wants them

const measured = (plan: Plan, say: (line: string) => void): Promise<SoakFigures> =>
  withCleanup(async (later) => {
    const place = await startPlace(plan.compat, later, say);
    const { app } = await startMeasuredApi(place);
    later(() => app.stop());
    const requests = new Requests(app.url);
    later(() => requests.close());
    const { id: clinicId, patients } = await filledClinic(requests, app.env['MONGODB_URI'] ?? '', {
      ...{ admin: ADMIN, name: 'Soaked', patients: plan.patients },
    });
    let made = 0;
    const began = performance.now();
    const since = () => (performance.now() - began) / 1_000;
    const mix = async (n: number) => {
      for (const ask of mixOf(clinicId, patients, n)) {
        await requests.ask(ask);
        made++;
      }
      const added = (await requests.ask(newPatient(clinicId, ADMIN, n, `A${n}-`))) as { id: string }; // of the contract
      await requests.ask({
        ...{ method: 'DELETE', token: `user:${ADMIN}` },
        path: `/v1/clinics/${clinicId}/patients/${added.id}`,
      });
      made += 2;
    };
    const samples: SoakSample[] = [];
    const figures = (): SoakFigures => ({ seconds: since(), requests: made, rps: made / since(), samples });
    const keep = async () => {
      await mkdir(RESULTS, { recursive: true });
      await writeFile(join(RESULTS, 'soak.json'), `${JSON.stringify(figures(), undefined, 2)}\n`);
    };
    let over = false;
    const watch = async () => {
      const apart = Math.max(1, plan.seconds / SAMPLES) * 1_000;
      for (let n = 1; !over; n++) {
        const sample = await lowestOf(app.url, app.pid, since, apart);
        samples.push(sample);
        if (n % 12 === 0) {
          await keep();
          say(
            `${(sample.seconds / 60).toFixed(1)} min: RSS ${sample.rssMb.toFixed(0)} MiB, heap ${sample.heapMb.toFixed(0)} MiB, ${made} requests`,
          );
        }
      }
    };
    const watching = watch();
    await requests.pace(mix, { seconds: plan.seconds });
    over = true;
    await watching;
    await keep();
    return figures();
  });

/** The heap goes up and down with each collection: its lowest point is what is really kept. */
async function lowestOf(url: string, pid: number | undefined, since: () => number, ms: number): Promise<SoakSample> {
  const looks: SoakSample[] = [];
  for (let n = 0; n < LOOKS_PER_SAMPLE; n++) {
    await pause(ms / LOOKS_PER_SAMPLE);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const valueOf = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1] ?? 0);
    looks.push({
      seconds: since(),
      rssMb: (await memoryOf(pid))?.rssMb ?? valueOf('process_resident_memory_bytes') / 2 ** 20,
      heapMb: valueOf('nodejs_heap_size_used_bytes') / 2 ** 20,
      resources: valueOf('nodejs_active_resources_total'),
    });
  }
  const last = looks.at(-1) ?? { seconds: since(), rssMb: 0, heapMb: 0, resources: 0 };
  return { ...last, heapMb: Math.min(...looks.map(({ heapMb }) => heapMb)) };
}

function mixOf(clinicId: string, patients: readonly string[], n: number): Ask[] {
  const token = `user:${ADMIN}`;
  const clinic = `/v1/clinics/${clinicId}`;
  const which = n % patients.length;
  const list = `${clinic}/patients?limit=20&sort=%2BfullName&sortType=cgm`;
  return [
    { method: 'GET', path: clinic, token },
    { method: 'GET', path: `${list}&offset=${(n % 20) * 50}`, token },
    { method: 'GET', path: `${list}&search=${LAST[n % LAST.length]?.toLowerCase()}`, token },
    { method: 'PUT', path: `${clinic}/patients/${patients[which]}`, token, body: personOf(n, `U${which}-`) },
    { method: 'PUT', path: clinic, token, body: { name: `Soaked ${n}`, preferredBgUnits: 'mg/dL', city: 'Reno' } },
  ];
}
