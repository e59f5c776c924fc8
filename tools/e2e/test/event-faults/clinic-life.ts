import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, basic, call, type Call, confirmed, eventually, session } from '@caregate/demo';
import type { LocalIdentity, UserId } from '@caregate/identity';
import type { Platform, Shard } from '@caregate/stack';
import { CloudEvent, Kafka as CloudEvents } from 'cloudevents';
import type { Producer } from 'kafkajs';
import { type Db, ObjectId } from 'mongodb';
import type { MailServer } from './mail-server.ts';

const PASSWORD = 'correct horse battery staple';
/** Nothing may take longer than this to be accepted, whatever is being killed. */
const ACCEPTED_WITHIN_MS = 120_000;
const SHARERS = 5;

/** Where the life of clinics takes place. */
export interface Scene {
  readonly platform: Platform;
  readonly shard: Shard;
  readonly clinicDb: Db;
  readonly identity: LocalIdentity;
  readonly producer: Producer;
  readonly mail: MailServer;
  /** Session token of a back-end service. */
  readonly service: string;
}

/** What was accepted and must be so in the end. */
export interface Accepted {
  /** Patients that were made and neither deleted by the clinic nor as users. */
  readonly patients: Set<string>;
  readonly deletedPatients: Set<string>;
  readonly deletedUsers: Set<string>;
  /** Custodial patients with an email, who are mailed once, by user; of those who are deleted no database remembers the email. */
  readonly invited: Map<string, { readonly email: string; readonly clinicId: string }>;
  readonly clinics: Set<string>;
  /** What each sharing patient last said that their clinic may do, as `userId`. */
  readonly permissions: Map<string, string>;
  readonly roles: Map<string, string>;
  /** How often each member's roles were changed: they are mailed each time, and the clinician keeps only the newest. */
  readonly roleChanges: Map<string, number>;
  readonly accounts: Set<string>;
  readonly migrations: Map<string, { readonly clinicId: string; readonly sharers: readonly string[] }>;
}

export const nothingAccepted = (): Accepted => ({
  patients: new Set(),
  deletedPatients: new Set(),
  deletedUsers: new Set(),
  invited: new Map(),
  clinics: new Set(),
  permissions: new Map(),
  roles: new Map(),
  roleChanges: new Map(),
  accounts: new Set(),
  migrations: new Map(),
});

/** One clinic whose people work on, whatever is killed: each request is sent until it is accepted, and is one request to the server. */
export class ClinicLife {
  readonly counts: Record<string, number> = {};
  private readonly name: string;
  private clinicId = '';
  private key = '';
  private ownHost = '';
  private token = '';
  private readonly members: string[] = [];
  private readonly sharing: { readonly userId: string; readonly token: string }[] = [];
  private readonly custodial: string[] = [];
  private turn = 0;
  private deletions = 0;

  constructor(
    private readonly scene: Scene,
    private readonly accepted: Accepted,
    number: number,
  ) {
    this.name = `practice-${number}-${randomBytes(3).toString('hex')}`;
  }

  /** An account with a clinic, two members, and two patients who have accounts of their own. */
  async begin(): Promise<void> {
    const { platform, shard, mail } = this.scene;
    const owner = { email: `${this.name}@owner.test`, fullName: 'Olivia Owner', password: PASSWORD };
    const account = await this.signUp(this.name, owner);
    await eventually('the link is mailed', async () =>
      (await mail.accepted()).some(({ to }) => to.includes(owner.email)),
    );
    const { accountId } = await persistently('confirm', () => confirmed(shard, account, PASSWORD));
    this.ownHost = `http://${this.name}.${shard.id}.${platform.domain}:${shard.api.port}`;
    this.token = await this.signIn(owner.email);
    this.clinicId = await this.newClinic();
    this.key = textIn(
      await this.send('make a key', {
        method: 'POST',
        url: `${this.ownHost}/caregate/v1/accounts/${accountId}/api_keys`,
        headers: session(this.token),
        body: { name: 'Booking' },
      }),
      'key',
    );
    const ownerHash = (await this.scene.clinicDb.collection('users').findOne({ email: owner.email }))?.['passwordHash'];
    for (let n = 0; n < 2; n++) {
      const member = await this.user({ roles: ['clinician'], fullName: 'Carl Colleague' });
      await this.asService('join', 'POST', '/clinicians', {
        id: member.userId,
        email: member.email,
        roles: ['CLINIC_MEMBER'],
      });
      this.members.push(member.userId);
      const patient = await this.user({
        roles: ['patient'],
        fullName: 'Sam Sharing',
        passwordHash: ownerHash,
        birthday: '1980-05-06',
      });
      await this.asService('share', 'POST', `/patients/${patient.userId}`, { permissions: { view: {} } });
      this.sharing.push({ userId: patient.userId, token: await this.signIn(patient.email) });
    }
  }

  /** The next thing that happens at this clinic. */
  async next(): Promise<void> {
    const turn = this.turn++;
    if (turn % 40 === 15) return this.counted('migrations', () => this.migrate());
    if (turn % 40 === 25) return this.counted('clinics', async () => void (await this.newClinic()));
    if (turn % 80 === 35) return this.counted('accounts', () => this.anotherAccount());
    switch (turn % 6) {
      case 0:
        return this.counted('custodial patients', () => this.admit());
      case 1:
      case 4:
        return this.counted('permission changes', () => this.changePermissions());
      case 2:
        return this.counted('role changes', () => this.changeRole());
      case 3:
        return this.counted('updates followed by a delete', () => this.admitChangeAndDelete());
      default:
        return this.counted('deletions of users', () => this.deleteUser());
    }
  }

  /** A sharing patient sets what the clinic may do. */
  async changePermissions(): Promise<{ userId: string; permissions: string }> {
    const patient = this.sharing[this.turn % this.sharing.length];
    if (!patient) throw new Error('begin first');
    return this.changePermissionsOf(patient);
  }

  /** All sharing patients change what the clinic may do, again and again, as fast as it is accepted. */
  async burstOfPermissions(times: number): Promise<void> {
    await Promise.all(
      this.sharing.map(async (patient) => {
        for (let n = 0; n < times; n++) await this.changePermissionsOf(patient);
      }),
    );
  }

  private async changePermissionsOf(patient: { userId: string; token: string }) {
    const before = this.accepted.permissions.get(patient.userId);
    const permissions = before?.includes('note') ? { view: {}, upload: {} } : { view: {}, note: {} };
    await this.send('set permissions', {
      method: 'PUT',
      url: `${this.api}/v1/clinics/${this.clinicId}/patients/${patient.userId}/permissions`,
      headers: session(patient.token),
      body: permissions,
    });
    const set = JSON.stringify(permissions);
    this.accepted.permissions.set(patient.userId, set);
    return { userId: patient.userId, permissions: set };
  }

  /** Users who are to be deleted at once, later. */
  async admitMany(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.admit();
  }

  /** Many users are deleted at once. */
  async burstOfDeletions(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.deleteUser()));
  }

  /** Makes a patient who has an email, and so gets one. */
  async admit(): Promise<string> {
    const email = `${randomBytes(6).toString('hex')}@patient.test`;
    const userId = await this.newPatient({ email });
    this.custodial.push(userId);
    this.accepted.invited.set(userId, { email, clinicId: this.clinicId });
    return email;
  }

  private async admitChangeAndDelete(): Promise<void> {
    const userId = await this.newPatient({});
    const path = `/patients/${userId}`;
    await this.withKey('change', 'PUT', path, { fullName: 'Changed Patient', birthDate: '1971-01-01' });
    await this.withKey('delete', 'DELETE', path);
    this.accepted.patients.delete(userId);
    this.accepted.deletedPatients.add(userId);
  }

  private async newPatient({ email }: { email?: string }): Promise<string> {
    const mark = randomBytes(8).toString('hex');
    const body = { fullName: `Pat ${mark}`, birthDate: '1970-01-01', ...(email !== undefined && { email }) };
    const answer = await this.withKey('admit', 'POST', '/patients', body);
    const userId =
      answer === undefined
        ? String((await this.scene.clinicDb.collection('patients').findOne({ fullName: body.fullName }))?.['userId'])
        : textIn(answer, 'id');
    this.accepted.patients.add(userId);
    return userId;
  }

  private async changeRole(): Promise<void> {
    const member = this.members[this.turn % this.members.length] ?? '';
    const role = this.accepted.roles.get(member) === 'CLINIC_ADMIN' ? 'CLINIC_MEMBER' : 'CLINIC_ADMIN';
    const body = { id: member, email: emailOf(member), roles: [role] };
    await this.asOwner('change a role', 'PUT', `/clinicians/${member}`, body); // keys make no admins
    this.accepted.roles.set(member, role);
    this.accepted.roleChanges.set(member, (this.accepted.roleChanges.get(member) ?? 0) + 1);
  }

  private async deleteUser(): Promise<void> {
    const userId = this.custodial.length > 3 ? this.custodial.shift() : undefined;
    if (userId === undefined) return;
    this.accepted.patients.delete(userId);
    const ways = [
      () => this.deleteHere(userId),
      () => this.publish(userId, 'structured'),
      () => this.publish(userId, 'binary'),
    ];
    await ways[this.deletions++ % ways.length]?.();
    this.accepted.deletedUsers.add(userId);
  }

  /** The shard keeps its users itself, so their accounts end here. */
  private async deleteHere(userId: string): Promise<void> {
    const url = `${this.api}/caregate/v1/users/${userId}`;
    await this.send('delete a user', { method: 'DELETE', url, headers: session(this.scene.service) });
  }

  /** As a user platform of its own tells it. */
  private async publish(userId: string, mode: 'structured' | 'binary'): Promise<void> {
    const message = cloudEvent(userId, mode);
    const topic = `${this.scene.shard.topicPrefix}.user-events`;
    await persistently('publish a deletion', () => this.scene.producer.send({ topic, messages: [message] }));
  }

  private async newClinic(): Promise<string> {
    const name = `Clinic ${randomBytes(6).toString('hex')}`;
    const answer = await this.send('make a clinic', {
      method: 'POST',
      url: `${this.ownHost}/v1/clinics`,
      headers: session(this.token),
      body: { name, country: 'AU', preferredBgUnits: 'mmol/L' },
    });
    const id =
      answer === undefined
        ? String((await this.scene.clinicDb.collection('clinics').findOne({ name }))?._id)
        : textIn(answer, 'id');
    this.accepted.clinics.add(id);
    return id;
  }

  private async anotherAccount(): Promise<void> {
    const name = `another-${randomBytes(5).toString('hex')}`;
    await this.signUp(name, { email: `${name}@owner.test`, fullName: 'Anna Another', password: PASSWORD });
    this.accepted.accounts.add(name);
  }

  /** The owner of a legacy clinic account joins, and their patients follow. */
  private async migrate(): Promise<void> {
    const legacy = await this.user({ roles: ['clinic', 'clinician'], fullName: 'Mara Legacy' });
    const sharers: string[] = [];
    for (let n = 0; n < SHARERS; n++) {
      const sharer = await this.user({ roles: ['patient'], fullName: 'Lee Legacy', birthday: '1990-02-03' });
      await persistently('share with the legacy account', () =>
        this.scene.identity.setSharing(sharer.userId, legacy.userId, { view: {}, upload: {} }),
      );
      sharers.push(sharer.userId);
    }
    await this.asService('join', 'POST', '/clinicians', {
      id: legacy.userId,
      email: legacy.email,
      roles: ['CLINIC_MEMBER'],
    });
    await this.asService('migrate', 'POST', '/migrations', { userId: legacy.userId });
    this.accepted.migrations.set(legacy.userId, { clinicId: this.clinicId, sharers });
  }

  /** A user as one of a legacy system is: with an account, and made by nobody here. */
  private async user(about: { roles: string[]; fullName: string; birthday?: string; passwordHash?: unknown }) {
    const userId = randomBytes(5).toString('hex') as UserId; // 10 hex digits are a user id
    const email = emailOf(userId);
    const now = new Date();
    const { roles, fullName, birthday, passwordHash } = about;
    const record = {
      ...{ email, emailKey: email, emailVerified: true, roles, sessionEpoch: 0, createdTime: now, updatedTime: now },
      profile: { fullName, ...(birthday !== undefined && { patient: { birthday } }) },
      ...(passwordHash !== undefined && { passwordHash }),
    };
    const users = this.scene.clinicDb.collection<{ _id: string }>('users');
    await persistently('make a user', () => users.replaceOne({ _id: userId }, record, { upsert: true }));
    return { userId, email };
  }

  private async signUp(subdomain: string, owner: { email: string; fullName: string; password: string }) {
    const url = `${this.scene.platform.directory.url}/caregate/v1/accounts`;
    const body = { subdomain, name: subdomain, region: 'au', owner };
    return persistently('sign up', async () => {
      const answer = await call({ method: 'POST', url, body });
      // Taken: by the same request, whose answer was lost. Nobody else asks for this name.
      if (answer.status === 409) return { accountId: '' };
      if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      return { accountId: textIn(answer, 'accountId') };
    });
  }

  private async signIn(email: string): Promise<string> {
    const url = `${this.api}/caregate/v1/sessions`;
    return textIn(await this.send('sign in', { method: 'POST', url, body: { email, password: PASSWORD } }), 'token');
  }

  private get api(): string {
    return this.scene.shard.api.url;
  }

  private withKey(what: string, method: string, path: string, body?: unknown): Promise<Answer | undefined> {
    const url = `${this.api}/v1/clinics/${this.clinicId}${path}`;
    return this.send(what, { method, url, headers: basic(this.key), ...(body !== undefined && { body }) });
  }

  private asOwner(what: string, method: string, path: string, body: unknown): Promise<Answer | undefined> {
    const url = `${this.api}/v1/clinics/${this.clinicId}${path}`;
    return this.send(what, { method, url, headers: session(this.token), body });
  }

  private asService(what: string, method: string, path: string, body: unknown): Promise<Answer | undefined> {
    const url = `${this.api}/v1/clinics/${this.clinicId}${path}`;
    return this.send(what, { method, url, headers: session(this.scene.service), body });
  }

  /** Sends a request until it is accepted. Undefined when it was carried out and its answer is lost. */
  private async send(what: string, request: Call): Promise<Answer | undefined> {
    const headers = { ...request.headers, 'idempotency-key': randomUUID() };
    let sent = 0;
    return persistently(what, async () => {
      sent++;
      const answer = await call({ ...request, headers });
      if (answer.status < 300) return answer;
      const told = JSON.stringify(answer.body);
      if (answer.status === 409 && told.includes('was carried out, but')) return undefined;
      if (sent > 1 && request.method === 'DELETE' && answer.status === 404) return answer; // the first got through
      if (answer.status === 503 || (answer.status === 409 && told.includes('still being carried out')))
        throw new Error(told);
      throw new Refused(`${what}: ${answer.status} ${told}`);
    });
  }

  private async counted(what: string, work: () => Promise<unknown>): Promise<void> {
    await work();
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

/** The server said no, and would again. */
class Refused extends Error {
  override readonly name = 'Refused';
}

/** Tries until it works, as whatever is killed comes back. */
export async function persistently<T>(what: string, work: () => Promise<T>): Promise<T> {
  const giveUp = Date.now() + ACCEPTED_WITHIN_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (Date.now() > giveUp) throw new Error(`${what} was not accepted within two minutes`, { cause: error });
      await delay(100);
    }
  }
}

export const emailOf = (userId: string) => `${userId}@user.test`;

function cloudEvent(userid: string, mode: 'structured' | 'binary') {
  const data = { userid, username: '', emails: [], roles: ['patient'], fullName: '' };
  const event = new CloudEvent({ id: randomUUID(), type: 'users:delete', source: 'e2e', data });
  const { body, headers } = CloudEvents[mode](event);
  return {
    key: userid,
    value: typeof body === 'string' ? body : JSON.stringify(body),
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    ),
  };
}

function textIn(answer: Answer | undefined, key: string): string {
  const value = (answer?.body as Record<string, unknown> | undefined)?.[key]; // the contract has it
  if (typeof value !== 'string') throw new Error(`the answer has no text ${key}`);
  return value;
}

/** Ids as the database has them. */
export const objectIds = (ids: Iterable<string>) => [...ids].map((id) => new ObjectId(id));
