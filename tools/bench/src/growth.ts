import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FilledClinic, filledClinic } from './copied-patients.ts';
import { type Growth, type GrowthFigures, growthTables } from './growth-report.ts';
import { COMPAT, leftOut, memoryOf, startMeasuredApi, startPlace } from './load-tool.ts';
import { RESULTS } from './pages.ts';
import { type Ask, LAST, newPatient, type Pace, personOf, Requests } from './requests.ts';
import { withCleanup } from './with-cleanup.ts';

const HELP = `Usage: node tools/bench/src/main.ts growth [--patients a,b,c] [--clinics a,b,c] [--each N] [--seconds N]

The same requests at 1 000, 10 000 and 100 000 patients in a clinic, and at 1, 10 and 100 clinics of 1 000 patients each: whether time grows.
Patients are copies of one that the API has made, written by the driver, with counts and sheets made by the clinic model: a hundred thousand
through the API would take longer than all the rest.

  --patients a,b,c   sizes of the clinic (1000,10000,100000)
  --clinics a,b,c    numbers of clinics (1,10,100)
  --each N           patients of each of them (1000)
  --seconds N        for each scenario at each size (3)
`;

/** The bench of growth. @returns the exit status */
export async function growth(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      compat: { type: 'string', default: COMPAT },
      patients: { type: 'string', default: '1000,10000,100000' },
      clinics: { type: 'string', default: '1,10,100' },
      each: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '3' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const missing = leftOut('the bench of growth', values.compat);
  if (missing !== undefined) {
    say(missing);
    return 0;
  }
  const numbers = (text: string) => text.split(',').map(Number);
  const figures = await measured(
    {
      compat: values.compat,
      patients: numbers(values.patients),
      clinics: numbers(values.clinics),
      each: Number(values.each),
      seconds: Number(values.seconds),
    },
    say,
  );
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, 'growth.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
  say(`\n${growthTables(figures)}\n\nAll figures: dist/bench/growth.json`);
  return 0;
}

interface Plan {
  readonly compat: string;
  readonly patients: readonly number[];
  readonly clinics: readonly number[];
  readonly each: number;
  readonly seconds: number;
}

const ADMIN = 'a999000101'; // ten digits, as the stub wants them

const measured = (plan: Plan, say: (line: string) => void): Promise<GrowthFigures> =>
  withCleanup(async (later) => {
    const place = await startPlace(plan.compat, later, say);
    const startSeconds: { patients: number; seconds: number }[] = [];
    let inAll = 0;

    /** Each size has an API of its own, so memory and start are of that size. */
    const at = async (clinics: number, patients: number): Promise<Growth> => {
      const { app, startSeconds: seconds } = await startMeasuredApi(place);
      later(() => app.stop());
      startSeconds.push({ patients: inAll, seconds });
      const requests = new Requests(app.url);
      later(() => requests.close());
      const ids: FilledClinic[] = [];
      for (let n = 0; n < clinics; n++)
        ids.push(
          await filledClinic(requests, app.env['MONGODB_URI'] ?? '', { admin: ADMIN, name: 'Growing', patients }),
        );
      inAll += clinics * patients;
      say(`${clinics} clinics of ${patients} patients are there`);
      const paces = await eachScenario(requests, ids, plan.seconds);
      for (const [scenario, { rps, p50ms }] of Object.entries(paces))
        say(`${clinics} × ${patients}: ${scenario} ${rps.toFixed(0)} a second, p50 ${p50ms.toFixed(1)} ms`);
      const rssMb = (await memoryOf(app.pid))?.peakMb ?? 0;
      await app.stop();
      const of = (field: 'p50ms' | 'rps') =>
        Object.fromEntries(Object.entries(paces).map(([scenario, pace]) => [scenario, pace[field]]));
      return { of: clinics === 1 ? patients : clinics, p50ms: of('p50ms'), rps: of('rps'), rssMb };
    };

    const byPatients: Growth[] = [];
    for (const patients of plan.patients) byPatients.push(await at(1, patients));
    const byClinics: Growth[] = [];
    for (const clinics of plan.clinics) byClinics.push({ ...(await at(clinics, plan.each)), of: clinics });
    return { byPatients, byClinics, patientsOfEachClinic: plan.each, startSeconds };
  });

/** Requests spread over all clinics. */
async function eachScenario(
  requests: Requests,
  clinics: readonly FilledClinic[],
  seconds: number,
): Promise<Record<string, Pace>> {
  const clinicOf = (n: number) => clinics[n % clinics.length] ?? { id: '', patients: [] };
  const token = `user:${ADMIN}`;
  const list = 'patients?limit=50&sort=%2BfullName&sortType=cgm';
  const get = (n: number, below: string): Ask => ({
    method: 'GET',
    path: `/v1/clinics/${clinicOf(n).id}${below}`,
    token,
  });
  const scenarios: Record<string, (n: number) => Ask> = {
    get_clinic: (n) => get(n, ''),
    list_patients: (n) => get(n, `/${list}&offset=${(n % 20) * 50}`),
    search_patients: (n) => get(n, `/${list}&search=${LAST[n % LAST.length]?.toLowerCase()}`),
    create_patient: (n) => newPatient(clinicOf(n).id, ADMIN, n, 'G'),
    update_clinic: (n) => ({
      ...get(n, ''),
      method: 'PUT',
      body: { name: `Growing ${n}`, preferredBgUnits: 'mg/dL', city: 'Reno' },
    }),
    update_patient: (n) => {
      const { patients } = clinicOf(n);
      const which = Math.floor(n / clinics.length) % patients.length;
      return { ...get(n, `/patients/${patients[which]}`), method: 'PUT', body: personOf(n, `U${which}-`) };
    },
  };
  const paces: Record<string, Pace> = {};
  for (const [name, ask] of Object.entries(scenarios)) {
    await requests.pace((n) => requests.ask(ask(n)), { seconds: Math.min(1, seconds) });
    paces[name] = await requests.pace((n) => requests.ask(ask(1_000_000 + n)), { seconds });
  }
  return paces;
}
