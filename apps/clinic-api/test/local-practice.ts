import { randomUUID } from 'node:crypto';
import { type ClinicClient, createClinicClient } from '@caregate/contracts';
import { hashPassword, IdentityService, LinkSecrets, type LocalIdentity, type UserId } from '@caregate/identity';
import { sendConfirmation } from './accounts.ts';
import { answered, type Harness, newClinic } from './harness.ts';

/** Settings of a shard that keeps its users itself. What follows is for such shards. */
export const LOCAL = { IDENTITY: 'local', IDENTITY_SECRET: 'a secret of tests that is long enough' };

export const identityOf = (shard: Harness) => shard.app.get(IdentityService) as LocalIdentity; // as `LOCAL` says

export const signIn = (shard: Harness, email: string, password: string) =>
  shard.account({}).POST('/caregate/v1/sessions', { body: { email, password } });

export const as = (shard: Harness, token: string): ClinicClient => createClinicClient({ baseUrl: shard.url, token });

/** Opens the mailed link of a sign-up; gives the status. */
export async function confirm(shard: Harness, accountId: string, password: string): Promise<number> {
  const secret = shard.app.get(LinkSecrets).secretOf('sign-up', accountId);
  return (await sendConfirmation(shard, accountId, secret, password)).status;
}

export interface LocalPractice {
  readonly accountId: string;
  readonly ownerId: string;
  readonly clinicId: string;
  readonly patientId: UserId;
}

/** An account whose owner signs in with that email and password, with a clinic and a patient who may have an email too. */
export async function newLocalPractice(
  shard: Harness,
  email: string,
  password: string,
  patientEmail?: string,
): Promise<LocalPractice> {
  const accountId = randomUUID();
  const owner = { email, fullName: 'Olly Owner', passwordHash: await hashPassword(password) };
  answered(
    await shard.directory().PUT('/caregate/v1/accounts/{accountId}', {
      params: { path: { accountId } },
      body: { subdomain: `s-${accountId}`, name: 'Practice', owner },
    }),
  );
  expect(await confirm(shard, accountId, password)).toBe(200);
  const { userId: ownerId, token } = answered(await signIn(shard, email, password));
  const { id: clinicId = '' } = await newClinic(as(shard, token));
  const made = answered(
    await as(shard, token).POST('/v1/clinics/{clinicId}/patients', {
      params: { path: { clinicId } },
      body: { fullName: 'Pat', birthDate: '1980-01-01', ...(patientEmail && { email: patientEmail }) },
    }),
  );
  return { accountId, ownerId, clinicId, patientId: made.id as UserId }; // as the contract says
}
