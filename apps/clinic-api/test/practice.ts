import { newAccount, type TestAccount } from './accounts.ts';
import { answered, type Harness, newClinic } from './harness.ts';

export interface Practice {
  readonly account: TestAccount;
  readonly key: string;
  readonly keyId: string;
  readonly revokedKey: string;
  readonly clinicId: string;
  readonly shareCode: string;
  readonly tagId: string;
  readonly siteId: string;
  /** Of an invite to become a clinician. */
  readonly inviteId: string;
  /** User ids: an admin, two members, and a patient who carries the tag. */
  readonly admin: string;
  readonly member: string;
  readonly colleague: string;
  readonly patient: string;
}

/** An account with a clinic in which there is one of everything. Its owner founded the clinic and then left it. */
export async function newPractice(harness: Harness): Promise<Practice> {
  const account = await newAccount(harness);
  const { id: keyId, key } = await account.newKey();
  const { id: revokedId, key: revokedKey } = await account.newKey();
  await account.revoke(revokedId);
  const { id: clinicId = '', shareCode = '' } = await newClinic(harness.withKey(key));
  const [admin, member, colleague, patient] = [
    harness.newUser(),
    harness.newUser(),
    harness.newUser(),
    harness.newUser(),
  ];
  const service = harness.asService();
  const params = { path: { clinicId } };
  for (const [{ userId, email = '' }, role] of [
    [admin, 'CLINIC_ADMIN'],
    [member, 'CLINIC_MEMBER'],
    [colleague, 'CLINIC_MEMBER'],
  ] as const) {
    answered(
      await service.POST('/v1/clinics/{clinicId}/clinicians', { params, body: { id: userId, email, roles: [role] } }),
    );
  }
  answered(
    await account.owner.api.DELETE('/v1/clinics/{clinicId}/clinicians/{clinicianId}', {
      params: { path: { clinicId, clinicianId: account.owner.userId } },
    }),
  );
  const tag = answered(await service.POST('/v1/clinics/{clinicId}/patient_tags', { params, body: { name: 'Tag' } }));
  const site = answered(await service.POST('/v1/clinics/{clinicId}/sites', { params, body: { name: 'Site' } }));
  const invite = { email: 'new@example.test', roles: ['CLINIC_MEMBER' as const] };
  const invited = answered(await admin.api.POST('/v1/clinics/{clinicId}/invites/clinicians', { params, body: invite }));
  const practice = {
    ...{ account, key, keyId, revokedKey, clinicId, shareCode },
    ...{ admin: admin.userId, member: member.userId, colleague: colleague.userId, patient: patient.userId },
    ...{ tagId: tag.id ?? '', siteId: site.id ?? '', inviteId: invited.inviteId ?? '' },
  };
  await join(harness, practice, patient.userId);
  return practice;
}

/** Makes a user a patient of the clinic. */
export async function join(
  harness: Harness,
  { clinicId, tagId }: Pick<Practice, 'clinicId' | 'tagId'>,
  patientId: string,
): Promise<void> {
  const body = { permissions: { view: {} }, birthDate: '1990-02-03', fullName: 'Pat', tags: [tagId] };
  answered(
    await harness
      .asService()
      .POST('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path: { clinicId, patientId } }, body }),
  );
}
