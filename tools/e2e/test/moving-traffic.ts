import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, basic, call, eventually } from '@caregate/demo';

/** Where a practice's programs send their requests, and what they may count on. */
export interface Practice {
  /** The addresses of all copies of each shard's API. */
  readonly ports: Readonly<Record<string, readonly number[]>>;
  readonly domain: string;
  readonly subdomain: string;
  readonly clinicId: string;
  readonly secret: string;
}

/** What a writer was told was accepted, by the patient's id: the name, or null for one that was deleted. */
export type Accepted = Map<string, string | null>;

/** Programs that write and read without a pause, follow the account when they are told where it is, and note whatever else they are told. */
export class Traffic {
  readonly accepted: Accepted = new Map();
  readonly unexpected: string[] = [];
  /** Milliseconds for which each writer was kept waiting since it was last asked. */
  private readonly waited: number[] = [];
  private readonly written: number[] = [];
  readonly counts = { writes: 0, reads: 0, redirects: 0 };
  private readonly running: Promise<void>[] = [];
  private stopping = false;

  /** With `faults`, parts of the platform are stopped and killed: who gets no answer asks again, for up to `patienceMs`, and reads may fail. */
  constructor(
    private readonly practice: Practice,
    private readonly firstShard: string,
    private readonly faults?: { readonly patienceMs: number },
  ) {}

  start(writers: number, readers: number): void {
    const noted = (work: Promise<void>) => work.catch((error) => void this.unexpected.push(String(error)));
    for (let n = 0; n < writers; n++) [this.waited[n], this.written[n]] = [0, 0];
    for (let n = 0; n < writers; n++) this.running.push(noted(this.write(n)));
    for (let n = 0; n < readers; n++) this.running.push(noted(n % 2 === 0 ? this.readByKey(n) : this.readAtOwnHost(n)));
  }

  /** Lets everybody finish what they are at. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.running);
  }

  /** Milliseconds for which the unluckiest writer was kept waiting since this was last asked, once each has written again. */
  async longestWait(): Promise<number> {
    const before = [...this.written];
    await eventually('each writer has written again', async () =>
      this.written.every((count, n) => count > (before[n] ?? 0)),
    );
    return Math.max(...this.waited.splice(0, Infinity, ...before.map(() => 0)));
  }

  private async write(writer: number): Promise<void> {
    const program = new Program(this.practice, this.firstShard, writer);
    const own: string[] = [];
    for (let n = 0; !this.stopping; n++) {
      const id = own[n % 7];
      const name = `Writer ${writer} Patient ${n}`;
      if (id !== undefined && n % 5 === 1) {
        if (await this.accept(writer, program, 'PUT', `/patients/${id}`, { fullName: name, birthDate: '1980-01-01' }))
          this.accepted.set(id, name);
      } else if (own.length > 6 && n % 5 === 2) {
        const gone = own.shift() ?? '';
        if (await this.accept(writer, program, 'DELETE', `/patients/${gone}`)) this.accepted.set(gone, null);
      } else {
        const made = await this.accept(writer, program, 'POST', '/patients', {
          fullName: name,
          birthDate: '1980-01-01',
        });
        if (!made) continue;
        const newId = idIn(made.body);
        if (this.accepted.has(newId)) this.unexpected.push(`patient ${newId} was made twice`);
        own.push(newId);
        this.accepted.set(newId, name);
      }
    }
  }

  /** Sends a write until it is accepted; each is one request to the server, however often it is sent. */
  private async accept(
    writer: number,
    program: Program,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer | undefined> {
    const once = randomUUID();
    let waiting: number | undefined;
    for (;;) {
      const asked = program.ask(method, `/v1/clinics/${this.practice.clinicId}${path}`, {
        ...(body !== undefined && { body }),
        once,
      });
      const answer = await (this.faults ? asked.catch(() => NO_ANSWER) : asked);
      if (answer.status >= 200 && answer.status < 300) {
        const waited = waiting === undefined ? 0 : performance.now() - waiting;
        this.waited[writer] = (this.waited[writer] ?? 0) + waited;
        this.written[writer] = (this.written[writer] ?? 0) + 1;
        this.counts.writes += 1;
        return answer;
      }
      if (answer.status === 503 || (this.faults && MAY_BE_REPEATED.has(answer.status))) {
        waiting ??= performance.now();
        await delay(50);
      } else if (program.follow(answer)) this.counts.redirects += 1;
      else {
        this.unexpected.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return undefined;
      }
      const { patienceMs = 60_000 } = this.faults ?? {};
      if (waiting !== undefined && performance.now() - waiting > patienceMs) {
        this.unexpected.push(
          `${method} ${path}: not accepted within ${patienceMs / 1_000} s: ${answer.status} ${JSON.stringify(answer.body)}`,
        );
        return undefined;
      }
    }
  }

  private async readByKey(reader: number): Promise<void> {
    const program = new Program(this.practice, this.firstShard, reader);
    while (!this.stopping) {
      const answer = await program.ask('GET', `/v1/clinics/${this.practice.clinicId}/patients?limit=5`);
      this.judgeRead(program, answer, answer.status === 401);
    }
  }

  private async readAtOwnHost(reader: number): Promise<void> {
    const program = new Program(this.practice, this.firstShard, reader);
    while (!this.stopping) {
      const answer = await program.ask('GET', `/v1/clinics/${this.practice.clinicId}`, { ownHost: true });
      this.judgeRead(program, answer, answer.status === 301);
    }
  }

  private judgeRead(program: Program, answer: Answer, isRedirect: boolean): void {
    if (answer.status === 200) this.counts.reads += 1;
    else if (isRedirect && program.follow(answer)) this.counts.redirects += 1;
    else this.unexpected.push(`read: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

const NO_ANSWER: Answer = { status: 0, headers: {}, body: undefined };
/** No answer, or that the same request is being worked on by a copy that sleeps. */
const MAY_BE_REPEATED: ReadonlySet<number> = new Set([NO_ANSWER.status, 409]);

/** A program of the practice that knows one shard, the one that it was last told. */
class Program {
  private turn: number;

  constructor(
    private readonly practice: Practice,
    private shard: string,
    number: number,
  ) {
    this.turn = number;
  }

  ask(
    method: string,
    path: string,
    { body, once, ownHost = false }: { body?: unknown; once?: string; ownHost?: boolean } = {},
  ): Promise<Answer> {
    const { ports, domain, subdomain, secret } = this.practice;
    const copies = ports[this.shard] ?? [];
    const port = copies[this.turn++ % copies.length];
    return call({
      method,
      url: `http://${ownHost ? subdomain : 'api'}.${this.shard}.${domain}:${port}${path}`,
      headers: { ...basic(`${secret}-${this.shard}`), ...(once !== undefined && { 'idempotency-key': once }) },
      ...(body !== undefined && { body }),
    });
  }

  /** Goes where it is told that the account is; false when it is told nothing. */
  follow({ status, headers }: Answer): boolean {
    const shard = headers['caregate-shard'];
    if (![301, 308, 401].includes(status) || typeof shard !== 'string' || shard === this.shard) return false;
    this.shard = shard;
    return true;
  }
}

const idIn = (body: unknown): string => String((body as { id?: unknown }).id); // a patient has one
