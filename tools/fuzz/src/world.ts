/** What there is for requests to be about: accounts, people, and clinics with one or more of everything. */
import { hash } from '@node-rs/argon2';
import { SignJWT } from 'jose';
import { createHash, randomUUID } from 'node:crypto';
import { LinkSecrets } from '@caregate/identity/link-secrets';
import { createAccountClient, createClinicClient, type ClinicClient } from '@caregate/contracts';
import { readSigningKey, signDirectoryToken } from '@caregate/identity/directory-token';

/** The running API, and the secrets that it was started with. */
export interface Target {
  readonly url: string;
  readonly shardId: string;
  readonly identitySecret: string;
  readonly directorySigningKey: string;
}

export interface Person {
  readonly userId: string;
  readonly email: string;
  readonly token: string;
}

export interface World {
  readonly admin: Person;
  readonly member: Person;
  readonly patient: Person;
  readonly serviceToken: string;
  readonly apiKey: string;
  readonly ids: Ids;
  /** Of things that operations may use up; nothing else depends on them. */
  readonly spare: Ids;
  readonly shareCode: string;
}

/** By the name of the path parameter that names one. */
export interface Ids {
  readonly clinicId: readonly string[];
  readonly clinicianId: readonly string[];
  readonly patientId: readonly string[];
  readonly userId: readonly string[];
  readonly patientTagId: readonly string[];
  readonly siteId: readonly string[];
  readonly inviteId: readonly string[];
  readonly patientInviteId: readonly string[];
  readonly accountId: readonly string[];
  readonly keyId: readonly string[];
}

export async function makeWorld(target: Target): Promise<World> {
  const builder = new Builder(target);
  const [admin, member, leaving, patient, other] = await Promise.all(NAMES.map((name) => builder.person(name)));
  if (!admin || !member || !leaving || !patient || !other) throw new Error('there are as many people as names');
  const [key, ...keys] = await Promise.all([1, 2, 3].map(() => builder.apiKey(admin)));
  if (!key) throw new Error('three keys were made');
  const asKey = createClinicClient({ baseUrl: target.url, apiKey: key.key });
  const [main, quiet, doomed] = [await builder.clinic(asKey), await builder.clinic(asKey), await builder.clinic(asKey)];
  const clinics = [main, quiet, doomed];
  for (const { clinicId } of clinics) {
    await builder.employ(clinicId, member, 'CLINIC_MEMBER');
    await builder.employ(clinicId, leaving, 'CLINIC_MEMBER');
    await builder.take(clinicId, patient);
  }
  const elsewhere = await builder.clinic(builder.as(other));
  const tags = await builder.times(6, (i) => builder.tag(main.clinicId, `Tag ${i}`));
  const sites = await builder.times(6, (i) => builder.site(main.clinicId, `Site ${i}`));
  const patients = await builder.times(6, (i) => builder.patient(main.clinicId, i, tags, sites));
  const invites = await builder.times(6, (i) =>
    builder.invite(main.clinicId, admin, `fuzz-${i}-${admin.userId}@example.test`),
  );
  const ownInvites = await Promise.all(
    [quiet, doomed].map(({ clinicId }) => builder.invite(clinicId, admin, other.email)),
  );
  const patientInvites = await Promise.all([elsewhere].map(({ shareCode }) => builder.offer(patient, shareCode)));
  const offered = await builder.offer(other, main.shareCode);
  return {
    admin,
    member,
    patient,
    serviceToken: await builder.serviceToken(),
    apiKey: key.key,
    shareCode: elsewhere.shareCode,
    ids: {
      clinicId: [main.clinicId],
      clinicianId: [member.userId, admin.userId],
      patientId: [...patients.slice(0, 3), patient.userId],
      userId: [patient.userId, member.userId, admin.userId],
      patientTagId: tags.slice(0, 3),
      siteId: sites.slice(0, 3),
      inviteId: invites.slice(0, 2),
      patientInviteId: [offered, ...patientInvites],
      accountId: [admin.accountId],
      keyId: [key.id],
    },
    spare: {
      clinicId: [quiet.clinicId, doomed.clinicId],
      clinicianId: [leaving.userId],
      patientId: [...patients.slice(3), patient.userId],
      userId: [leaving.userId, patients[3] ?? other.userId],
      patientTagId: tags.slice(3),
      siteId: sites.slice(3),
      inviteId: [...invites.slice(2), ...ownInvites],
      patientInviteId: [offered, ...patientInvites],
      accountId: [other.accountId],
      keyId: keys.map(({ id }) => id),
    },
  };
}

const NAMES = ['admin', 'member', 'leaving', 'patient', 'other'] as const;
const PASSWORD = 'for the length of a test';

/** Makes things over HTTP, as clients do. */
class Builder {
  private readonly target: Target;
  private service: Promise<ClinicClient> | undefined;

  constructor(target: Target) {
    this.target = target;
  }

  /** Whoever owns an account is a user who can sign in. */
  async person(name: string): Promise<Person & { readonly accountId: string }> {
    const { url: baseUrl, shardId, directorySigningKey } = this.target;
    const accountId = randomUUID();
    const email = `${name}-${accountId}@example.test`;
    const owner = { email, fullName: `Fuzz ${name}`, passwordHash: await passwordHash() };
    const grant = { operationId: 'ProvisionAccount', accountId };
    const bearer = await signDirectoryToken(readSigningKey(directorySigningKey), shardId, grant);
    const directory = createAccountClient({ baseUrl, bearer });
    const subdomain = `f${accountId}`;
    const path = { accountId };
    made(
      await directory.PUT('/caregate/v1/accounts/{accountId}', { params: { path }, body: { subdomain, name, owner } }),
    );
    await this.confirm(accountId);
    const nobody = createAccountClient({ baseUrl });
    const { token, userId } = made(await nobody.POST('/caregate/v1/sessions', { body: { email, password: PASSWORD } }));
    return { userId, email, token, accountId };
  }

  /** As the owner does, by the link that the worker would mail. */
  private async confirm(accountId: string): Promise<void> {
    const { url, shardId, identitySecret } = this.target;
    const secret = new LinkSecrets(shardId, [identitySecret]).secretOf('sign-up', accountId);
    const body = new URLSearchParams({ password: PASSWORD });
    const { status } = await fetch(`${url}/sign-up/${accountId}/${secret}`, { method: 'POST', body });
    if (status !== 200) throw new Error(`the account was not confirmed: ${status}`);
  }

  as({ token }: Person): ClinicClient {
    return createClinicClient({ baseUrl: this.target.url, token });
  }

  async apiKey(owner: { accountId: string; token: string }) {
    const api = createAccountClient({ baseUrl: this.target.url, token: owner.token });
    const path = { accountId: owner.accountId };
    return made(
      await api.POST('/caregate/v1/accounts/{accountId}/api_keys', { params: { path }, body: { name: 'fuzz' } }),
    );
  }

  async clinic(api: ClinicClient) {
    const body = { name: 'Fuzz', preferredBgUnits: 'mg/dL' as const, country: 'AU' };
    const { id = '', shareCode = '' } = made(await api.POST('/v1/clinics', { body }));
    return { clinicId: id, shareCode };
  }

  async employ(clinicId: string, { userId, email }: Person, role: 'CLINIC_ADMIN' | 'CLINIC_MEMBER'): Promise<void> {
    const body = { id: userId, email, name: 'Fuzz', roles: [role] };
    made(
      await (
        await this.asService()
      ).POST('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } }, body }),
    );
  }

  async take(clinicId: string, { userId: patientId }: Person): Promise<void> {
    const body = { permissions: { view: {}, upload: {}, note: {} }, fullName: 'Fuzz patient', birthDate: '1990-02-03' };
    const params = { path: { clinicId, patientId } };
    made(await (await this.asService()).POST('/v1/clinics/{clinicId}/patients/{patientId}', { params, body }));
  }

  async patient(clinicId: string, i: number, tags: readonly string[], sites: readonly string[]): Promise<string> {
    const [tag = '', site = ''] = [tags[i % tags.length], sites[i % sites.length]];
    const body = {
      fullName: `Fuzz ${i}`,
      birthDate: `199${i}-01-01`,
      mrn: `F-${i}`,
      tags: [tag],
      sites: [{ id: site, name: 'Site' }],
      dataSources: [{ providerName: 'dexcom' as const, state: 'connected' as const }],
    };
    const { id = '' } = made(
      await (await this.asService()).POST('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } }, body }),
    );
    return id;
  }

  async tag(clinicId: string, name: string): Promise<string> {
    const params = { path: { clinicId } };
    return (
      made(await (await this.asService()).POST('/v1/clinics/{clinicId}/patient_tags', { params, body: { name } })).id ??
      ''
    );
  }

  async site(clinicId: string, name: string): Promise<string> {
    const params = { path: { clinicId } };
    return made(await (await this.asService()).POST('/v1/clinics/{clinicId}/sites', { params, body: { name } })).id;
  }

  async invite(clinicId: string, admin: Person, email: string): Promise<string> {
    const body = { email, roles: ['CLINIC_MEMBER' as const] };
    const params = { path: { clinicId } };
    return (
      made(await this.as(admin).POST('/v1/clinics/{clinicId}/invites/clinicians', { params, body })).inviteId ?? ''
    );
  }

  async offer(patient: Person, shareCode: string): Promise<string> {
    const body = { shareCode, permissions: { view: {} } };
    const params = { path: { userId: patient.userId } };
    return made(await this.as(patient).POST('/v1/patients/{userId}/invites', { params, body })).key;
  }

  /** As the shard's local identity signs one for its own services; nobody else can. */
  serviceToken(): Promise<string> {
    const { identitySecret, shardId } = this.target;
    const kid = createHash('sha256').update(`caregate key id ${identitySecret}`).digest('hex').slice(0, 8);
    return new SignJWT({ kind: 'service' })
      .setProtectedHeader({ alg: 'HS256', kid })
      .setSubject('fuzz')
      .setIssuer('caregate')
      .setAudience(shardId)
      .setIssuedAt()
      .setExpirationTime('3h')
      .sign(new TextEncoder().encode(identitySecret));
  }

  async times<T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> {
    const all: T[] = [];
    for (let i = 0; i < count; i++) all.push(await make(i));
    return all;
  }

  private asService(): Promise<ClinicClient> {
    this.service ??= this.serviceToken().then((token) => createClinicClient({ baseUrl: this.target.url, token }));
    return this.service;
  }
}

let known: Promise<string> | undefined;
/** One for all: they are slow to make. */
const passwordHash = () => (known ??= hash(PASSWORD));

/** What was made; the tool cannot go on without it. */
function made<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (!response.ok)
    throw new Error(`${response.status} from ${new URL(response.url).pathname}: ${JSON.stringify(error)}`);
  return data as T; // a success has what the contract says
}
