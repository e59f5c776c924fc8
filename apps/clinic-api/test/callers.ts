import { ACCESS, type Who } from '@caregate/access';
import type { AccountId } from '@caregate/clinic-model';
import type { Harness } from './harness.ts';
import type { Practice } from './practice.ts';

export type Headers = Readonly<Record<string, string>>;

export const TOKEN = 'x-tidepool-session-token';
export const asUser = (userId: string): Headers => ({ [TOKEN]: `user:${userId}` });
export const asService: Headers = { [TOKEN]: 'server:export' };
export const byKey = (key: string): Headers => ({ authorization: `Basic ${btoa(`${key}:`)}` });

/** Everybody of a practice whom an operation lets in on what is the practice's own, by name. */
export function callersOf(operationId: string, practice: Practice): Readonly<Record<string, Headers>> {
  const owner = asUser(practice.account.owner.userId);
  const those: Readonly<Partial<Record<Who, Readonly<Record<string, Headers>>>>> = {
    anyUser: { admin: asUser(practice.admin), owner },
    member: { member: asUser(practice.member) },
    admin: { admin: asUser(practice.admin) },
    ownMembership: { colleague: asUser(practice.colleague) },
    userInPath: { patient: asUser(practice.patient) },
    clinicKey: { key: byKey(practice.key) },
    accountKey: { key: byKey(practice.key) },
    ownAccountKey: { key: byKey(practice.key) },
    accountOwner: { owner },
    service: { service: asService },
  };
  return Object.assign({}, ...(ACCESS[operationId] ?? []).map((who) => those[who] ?? {}));
}

/** What the paths of the contract name, all of it the practice's. */
export const namesOf = (practice: Practice) => ({
  clinicId: practice.clinicId,
  clinicianId: practice.colleague,
  userId: practice.patient,
  patientId: practice.patient,
  patientTagId: practice.tagId,
  siteId: practice.siteId,
  inviteId: practice.inviteId,
  shareCode: practice.shareCode,
  accountId: practice.account.accountId,
  keyId: practice.keyId,
});

/** All that the shard keeps of an account and its clinics, and of the people in them, but when a key was used last. */
export async function keptOf(harness: Harness, accountIdText: string, userIds: readonly string[] = []) {
  const accountId = accountIdText as AccountId; // a practice of the tests has one
  const { models, identity } = harness;
  const clinics = await models.clinics.find({ accountId }).sort({ _id: 1 }).lean();
  const clinicId = { $in: clinics.map(({ _id }) => _id) };
  const [clinicians, patients, invites, migrations, accounts, keys] = await Promise.all([
    models.clinicians.find({ clinicId }).sort({ _id: 1 }).lean(),
    models.patients.find({ clinicId }).sort({ _id: 1 }).lean(),
    models.patientInvites.find({ clinicId }).sort({ _id: 1 }).lean(),
    models.migrations.find({ clinicId }).sort({ _id: 1 }).lean(),
    models.accounts.find({ _id: accountId }).lean(),
    models.apiKeys.find({ accountId }, { lastUsedTime: 0 }).sort({ _id: 1 }).lean(),
  ]);
  const users = userIds.map((userId) => identity.user(userId));
  return { clinics, clinicians, patients, invites, migrations, accounts, keys, users };
}
