import { Pool } from 'undici';

const AT_ONCE = 16;

/** One request. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Of the identity stub: `user:<id>` or `server`. */
  readonly token: string;
  readonly body?: object;
}

export interface Pace {
  readonly requests: number;
  /** A second. */
  readonly rps: number;
  readonly p50ms: number;
  readonly p99ms: number;
}

/** Requests to one service, as the load tool makes them: sixteen at a time, each connection used again. */
export class Requests {
  private readonly pool: Pool;
  readonly url: string;

  constructor(url: string) {
    this.url = url;
    this.pool = new Pool(url, { connections: AT_ONCE, pipelining: 1 });
  }

  /** @returns the parsed answer; throws when it is none of success */
  async ask({ method, path, token, body }: Ask): Promise<unknown> {
    const answer = await this.pool.request({
      method,
      path,
      headers: { 'x-tidepool-session-token': token, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300)
      throw new Error(`${answer.statusCode} to ${method} ${path.split('?')[0]}: ${text.slice(0, 200)}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Sixteen at a time, until so many are made or so much time is over. */
  async pace(work: (n: number) => Promise<unknown>, until: { count: number } | { seconds: number }): Promise<Pace> {
    const times: number[] = [];
    const began = performance.now();
    let next = 0;
    const goesOn = () => ('count' in until ? next < until.count : performance.now() - began < until.seconds * 1_000);
    const worker = async () => {
      while (goesOn()) {
        const start = performance.now();
        await work(next++);
        times.push(performance.now() - start);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const rps = (times.length * 1_000) / (performance.now() - began);
    times.sort((a, b) => a - b);
    const at = (part: number) => times[Math.min(times.length - 1, Math.ceil(part * times.length) - 1)] ?? 0;
    return { requests: times.length, rps, p50ms: at(0.5), p99ms: at(0.99) };
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

const CLINIC = { preferredBgUnits: 'mg/dL', country: 'US', state: 'CA', city: 'Reno', address: '1 A St' } as const;

/** A clinic without a limit of patients. @returns its id */
export async function makeClinic(requests: Requests, admin: string, name: string): Promise<string> {
  const body = { ...CLINIC, postalCode: '94301', clinicType: 'other', name };
  const made = await requests.ask({ method: 'POST', path: '/v1/clinics', token: `user:${admin}`, body });
  const { id } = made as { id: string }; // of the contract
  await requests.ask({ method: 'POST', path: `/v1/clinics/${id}/tier`, token: 'server', body: { tier: 'tier0300' } });
  return id;
}

const FIRST = ['Ada', 'Bert', 'Cleo', 'Dora', 'Emil', 'Fay', 'Gus', 'Hana', 'Ivan', 'June', 'Karl', 'Lena', 'Milo'];
export const LAST = ['Abbot', 'Brook', 'Carver', 'Dunn', 'Ellis', 'Finch', 'Grove', 'Hayes', 'Irwin', 'Joyce', 'Keane'];

/** The n-th patient, always the same. */
export const personOf = (n: number, mrn: string) => ({
  fullName: `${FIRST[(n * 7) % FIRST.length]} ${LAST[(n * 11) % LAST.length]} ${String(n).padStart(5, '0')}`,
  birthDate: `${1940 + (n % 70)}-${String(1 + (n % 12)).padStart(2, '0')}-${String(1 + (n % 28)).padStart(2, '0')}`,
  mrn: `${mrn}${n}`,
});

/** Adds a custodial patient. */
export const newPatient = (clinicId: string, admin: string, n: number, mrn: string): Ask => ({
  method: 'POST',
  path: `/v1/clinics/${clinicId}/patients`,
  token: `user:${admin}`,
  body: personOf(n, mrn),
});
