import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, call, session } from '@caregate/demo';

/** Nothing may take longer than this to be acknowledged, whatever is being killed. */
const ACKNOWLEDGED_WITHIN_MS = 60_000;
const BETWEEN_TRIES_MS = 20;

/** What the server has acknowledged of one patient, and so must know. */
export interface Acknowledged {
  readonly userId: string;
  readonly fullName: string;
  readonly tags: readonly string[];
}

/** Where a writer writes. */
export interface Desk {
  readonly clinicUrl: string;
  readonly token: string;
  readonly tags: readonly string[];
  /** Whether patients are made with an Idempotency-Key. One that was cut off is known to be so only after half a minute. */
  readonly keyed: boolean;
}

/** Makes, changes and deletes patients of its own, one after the other; each request is sent again until it is answered. */
export class Writer {
  readonly patients = new Map<string, Acknowledged>();
  readonly deleted = new Set<string>();
  /** What the server had acknowledged and then did not know. */
  readonly forgotten: string[] = [];
  acknowledged = 0;
  /** Requests that were answered only when they were sent again. */
  repeated = 0;

  constructor(private readonly desk: Desk) {}

  async write(until: () => boolean): Promise<void> {
    while (!until()) {
      const known = [...this.patients.values()];
      const patient = known[randomInt(Math.max(1, known.length))];
      const dice = randomInt(10);
      if (!patient || dice < 5) await this.admit();
      else if (dice < 9) await this.change(patient);
      else await this.remove(patient);
      this.acknowledged += 1;
    }
  }

  private async admit(): Promise<void> {
    const body = this.details();
    const userId = await (this.desk.keyed ? this.admitByKey(body) : this.admitByName(body));
    this.patients.set(userId, { userId, ...body });
  }

  /** With a key a request that is sent again makes no second patient. */
  private async admitByKey(body: Details): Promise<string> {
    const headers = { 'idempotency-key': randomUUID() };
    const { status, body: made } = await this.send({ method: 'POST', path: '', body, headers }, 200, 409);
    // 409 says that it was carried out, and that what it made is to be read.
    const userId = status === 200 ? idIn(made) : await this.find(body.fullName);
    if (userId === undefined) throw new Error('the server says that it made a patient whom it does not know');
    return userId;
  }

  /** Without one, whoever got no answer looks before they ask again. */
  private async admitByName(body: Details): Promise<string> {
    for (;;) {
      const answer = await this.once({ method: 'POST', path: '', body });
      if (answer?.status === 200) return idIn(answer.body);
      if (answer && answer.status !== 503) throw unexpected('POST', answer);
      const userId = await this.find(body.fullName);
      if (userId === undefined) continue;
      this.repeated += 1;
      return userId;
    }
  }

  private async find(fullName: string): Promise<string | undefined> {
    const { body } = await this.send({ method: 'GET', path: `?search=${encodeURIComponent(fullName)}` }, 200);
    const [found] = (body as { data: object[] }).data; // as the contract says
    return found && idIn(found);
  }

  private async change(patient: Acknowledged): Promise<void> {
    await this.lookUp(patient);
    const body = this.details();
    await this.send({ method: 'PUT', path: `/${patient.userId}`, body }, 200);
    this.patients.set(patient.userId, { userId: patient.userId, ...body });
  }

  /** Before a change hides it. */
  private async lookUp({ userId, fullName }: Acknowledged): Promise<void> {
    const { status, body } = await this.send({ method: 'GET', path: `/${userId}` }, 200, 404);
    const found = status === 200 && (body as { fullName: string }).fullName; // as the contract says
    if (found !== fullName) this.forgotten.push(`${userId} is ${String(found)} and not ${fullName}`);
  }

  private async remove({ userId }: Acknowledged): Promise<void> {
    await this.send({ method: 'DELETE', path: `/${userId}` }, 204, 404); // 404: when only the answer was lost
    this.patients.delete(userId);
    this.deleted.add(userId);
  }

  private details(): Details {
    const tag = this.desk.tags[randomInt(this.desk.tags.length)] ?? '';
    return { fullName: `Pat ${randomBytes(8).toString('hex')}`, birthDate: '1970-01-01', tags: [tag] };
  }

  private async send(request: Request, ...wanted: number[]): Promise<Answer> {
    const giveUp = performance.now() + ACKNOWLEDGED_WITHIN_MS;
    for (let tries = 0; ; tries++) {
      const answer = await this.once(request);
      const goesOn = answer && isToBeSentAgain(answer);
      if (answer && wanted.includes(answer.status) && !goesOn) {
        if (tries > 0) this.repeated += 1;
        return answer;
      }
      if (answer && !goesOn) throw unexpected(request.method, answer);
      if (performance.now() > giveUp) throw new Error(`${request.method} was not acknowledged in time`);
      await delay(BETWEEN_TRIES_MS);
    }
  }

  private once({ method, path, body, headers }: Request): Promise<Answer | undefined> {
    return call({
      method,
      body,
      url: `${this.desk.clinicUrl}/patients${path}`,
      headers: { ...session(this.desk.token), ...headers },
    }).catch(() => undefined);
  }
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}
type Details = Pick<Acknowledged, 'fullName' | 'tags'> & { birthDate: string };

const idIn = (body: unknown) => (body as { id: string }).id; // as the contract says

const unexpected = (method: string, { status, body }: Answer) =>
  new Error(`${method} ${status} ${JSON.stringify(body)}`);

/** A request that was cut off counts as being carried out for a while. */
const isToBeSentAgain = ({ status, body }: Answer) =>
  status === 503 || (status === 409 && JSON.stringify(body).includes('still being carried out'));
