import { type MailingOperation, SAME_AGAIN_MS } from '../src/mail-limits/mails.ts';
import { newAccount } from './accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';
import { newPatient } from './patients.ts';

const INVITES = '/v1/clinics/{clinicId}/invites/clinicians';
const INVITE = '/v1/clinics/{clinicId}/invites/clinicians/{inviteId}';
const PATIENT = '/v1/clinics/{clinicId}/patients/{patientId}';
const REMINDER = '/v1/clinics/{clinicId}/patients/{patientId}/upload_reminder';
const CONNECT = '/v1/clinics/{clinicId}/patients/{patientId}/connect/{providerId}';

type Answer = { readonly response: Response; readonly error?: unknown };
let harness: Harness;
let drawn = 0;
const address = () => `person${++drawn}@mail${drawn}.test`;

async function clinicOf(given: { name?: string } = {}) {
  const admin = harness.newUser({ profile: { fullName: 'Dana Admin' } });
  const { id: clinicId } = await newClinic(admin.api, given);
  return { admin, clinicId };
}

/** Asks until it is refused. @returns what was answered, the last first */
async function untilRefused(
  times: number,
  ask: (n: number) => Promise<Answer>,
): Promise<{ last: Answer; before: number[] }> {
  const before: number[] = [];
  for (let n = 0; n < times; n++) {
    const last = await ask(n);
    if (statusOf(last) === 429) return { last, before };
    before.push(statusOf(last));
  }
  throw new Error(`never refused in ${times} requests: ${before.join()}`);
}

function expectRefusal({ response, error }: Answer, message: RegExp): void {
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(error).toEqual({ message: expect.stringMatching(message) });
}

const dexcom = [{ providerName: 'dexcom' as const, state: 'pending' as const }];

async function custodial({ admin, clinicId }: Awaited<ReturnType<typeof clinicOf>>, email = address()) {
  const patient = await newPatient(admin.api, clinicId, { email, dataSources: dexcom });
  return { params: { path: { clinicId, patientId: patient.id } }, patient };
}

async function changedEmail(
  where: Awaited<ReturnType<typeof clinicOf>>,
  params: { path: { clinicId: string; patientId: string } },
) {
  const body = { fullName: 'Ines Okafor', birthDate: '1990-01-01', email: address() };
  return where.admin.api.PUT(PATIENT, { params, body: body as never }); // read-only fields are not sent
}

/** How each operation of the table is asked for again and again. */
const BOMBS: Readonly<Record<MailingOperation, () => Promise<(n: number) => Promise<Answer>>>> = {
  CreateClinic: async () => {
    const { api } = harness.newUser();
    return () => api.POST('/v1/clinics', { body: { name: 'Call 555 0100', preferredBgUnits: 'mg/dL' } });
  },
  InviteClinician: async () => {
    const { admin, clinicId } = await clinicOf();
    return () =>
      admin.api.POST(INVITES, { params: { path: { clinicId } }, body: { email: address(), roles: ['CLINIC_MEMBER'] } });
  },
  ResendInvite: async () => {
    const { admin, clinicId } = await clinicOf();
    const invites: string[] = [];
    for (let n = 0; n < 4; n++) {
      const body = { email: address(), roles: ['CLINIC_MEMBER' as const] };
      invites.push(answered(await admin.api.POST(INVITES, { params: { path: { clinicId } }, body })).inviteId ?? '');
    }
    return (n) => admin.api.PATCH(INVITE, { params: { path: { clinicId, inviteId: invites[n] ?? '' } } });
  },
  UpdateClinician: async () => {
    const { admin, clinicId } = await clinicOf();
    const member = harness.newUser();
    const body = { id: member.userId, email: address(), roles: ['CLINIC_MEMBER' as const] };
    answered(
      await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } }, body }),
    );
    const path = { clinicId, clinicianId: member.userId };
    return (n) =>
      admin.api.PUT('/v1/clinics/{clinicId}/clinicians/{clinicianId}', {
        params: { path },
        body: { email: body.email, roles: [n % 2 === 0 ? 'CLINIC_ADMIN' : 'CLINIC_MEMBER'] },
      });
  },
  CreatePatientAccount: async () => {
    const { admin, clinicId } = await clinicOf();
    return () =>
      admin.api.POST('/v1/clinics/{clinicId}/patients', {
        params: { path: { clinicId } },
        body: { fullName: 'Ines Okafor', birthDate: '1990-01-01', email: address() } as never, // as above
      });
  },
  UpdatePatient: async () => {
    const where = await clinicOf();
    const { params } = await custodial(where);
    return () => changedEmail(where, params);
  },
  SendUploadReminder: async () => {
    const where = await clinicOf();
    const patients: { readonly params: { readonly path: { clinicId: string; patientId: string } } }[] = [];
    for (let n = 0; n < 8; n++) patients.push(await custodial(where));
    return (n) => where.admin.api.POST(REMINDER, patients[n] ?? { params: { path: { clinicId: '', patientId: '' } } });
  },
  ConnectProvider: async () => {
    const where = await clinicOf();
    const patients: string[] = [];
    for (let n = 0; n < 8; n++) patients.push((await custodial(where)).patient.id);
    return (n) =>
      where.admin.api.POST(CONNECT, {
        params: { path: { clinicId: where.clinicId, patientId: patients[n] ?? '', providerId: 'dexcom' } },
      });
  },
  CreatePatientInvite: async () => {
    const { admin, clinicId } = await clinicOf();
    const { shareCode = '' } = answered(
      await admin.api.GET('/v1/clinics/{clinicId}', { params: { path: { clinicId } } }),
    );
    const { api, userId } = harness.newUser({ roles: ['patient'] });
    const path = { userId };
    return async () => {
      const made = await api.POST('/v1/patients/{userId}/invites', {
        params: { path },
        body: { shareCode, permissions: { view: {} } },
      });
      const key = made.data && 'key' in made.data ? String(made.data.key) : '';
      if (made.response.ok)
        await api.DELETE('/v1/patients/{userId}/invites/{inviteId}', { params: { path: { userId, inviteId: key } } });
      return made;
    };
  },
  TriggerInitialMigration: async () => {
    const legacy = harness.newUser({ roles: ['clinic'] });
    const { id: clinicId } = answered(
      await harness
        .asService()
        .POST('/v1/clinicians/{userId}/migrate', { params: { path: { userId: legacy.userId } } }),
    );
    const body = {
      ...{ name: 'Old Clinic', preferredBgUnits: 'mg/dL' as const, address: '2 Side St', city: 'Reno', state: 'NV' },
      ...{ country: 'US', postalCode: '89501', clinicType: 'other' as const },
    };
    answered(await legacy.api.PUT('/v1/clinics/{clinicId}', { params: { path: { clinicId } }, body }));
    return async () => {
      await harness.models.migrations.collection.deleteMany({ userId: legacy.userId });
      await harness.models.clinics.collection.updateOne(
        { canonicalShareCode: { $exists: true }, admins: legacy.userId },
        { $set: { isMigrated: false } },
      );
      return legacy.api.POST('/v1/clinics/{clinicId}/migrate', {
        params: { path: { clinicId } },
        body: { attestationSubmitted: true },
      });
    };
  },
};

describe('mail bombs', () => {
  beforeAll(async () => {
    harness = await startHarness({ MAILS_PER_PERSON: '12', MAILS_PER_RECORD: '5', INVITES_PER_HOUR: '6' });
  });
  afterAll(() => harness.close());

  test.each(Object.keys(BOMBS) as MailingOperation[])('%s ends in 429 with the time to wait', async (operation) => {
    const { last, before } = await untilRefused(14, await BOMBS[operation]());
    expectRefusal(last, /^(there were more than|this was changed more than) .*; wait as long as Retry-After says$/);
    expect(new Set(before)).toEqual(new Set([operation === 'ConnectProvider' ? 204 : 200]));
  });
});

describe('mails to one address', () => {
  beforeAll(async () => {
    harness = await startHarness({ MAILS_PER_RECIPIENT: '3', MAILS_PER_PERSON: '20' });
  });
  afterAll(() => harness.close());

  test('are limited over all clinics and people, however the address is written, and for nobody else', async () => {
    const victim = address();
    const invite = async (email: string) => {
      const { admin, clinicId } = await clinicOf();
      return admin.api.POST(INVITES, { params: { path: { clinicId } }, body: { email, roles: ['CLINIC_MEMBER'] } });
    };
    const written = [victim, victim.toUpperCase(), victim.replace('@', '+a@'), victim.replace('@', '+b+c@')];
    const { last, before } = await untilRefused(5, (n) => invite(written[n] ?? victim));
    expect(before).toEqual([200, 200, 200]);
    expectRefusal(last, /^there were more than 3 emails to this address in a day/);
    expect(statusOf(await invite(address()))).toBe(200);
    const kept = JSON.stringify(await harness.connection.collection('mail_attempts').find().toArray());
    expect(kept.toLowerCase()).not.toContain(victim);
    expect(kept).toContain('recipient');
  });

  test('are not used up by whoever may send none themselves', async () => {
    const { admin, clinicId } = await clinicOf();
    const victim = address();
    const create = (who: typeof admin, id: string, email: string) =>
      who.api.POST('/v1/clinics/{clinicId}/patients', {
        params: { path: { clinicId: id } },
        body: { fullName: 'Ines Okafor', birthDate: '1990-01-01', email } as never, // read-only fields are not sent
      });
    await untilRefused(30, () => create(admin, clinicId, address()));
    for (let n = 0; n < 5; n++) expect(statusOf(await create(admin, clinicId, victim))).toBe(429);
    const other = await clinicOf();
    expect(statusOf(await create(other.admin, other.clinicId, victim))).toBe(200);
  });

  test('offered and taken back are counted each time', async () => {
    const { admin, clinicId } = await clinicOf();
    const victim = address();
    const { before } = await untilRefused(6, async () => {
      const body = { email: victim, roles: ['CLINIC_MEMBER' as const] };
      const made = await admin.api.POST(INVITES, { params: { path: { clinicId } }, body });
      const inviteId = made.data?.inviteId;
      if (inviteId) await admin.api.DELETE(INVITE, { params: { path: { clinicId, inviteId } } });
      return made;
    });
    expect(before).toEqual([200, 200, 200]);
  });
});

describe('mails of one account', () => {
  beforeAll(async () => {
    harness = await startHarness({ MAILS_PER_ACCOUNT: '5' });
  });
  afterAll(() => harness.close());

  test('are limited over its clinics and keys; a service is not counted', async () => {
    const account = await newAccount(harness);
    const keys = [await account.newKey(), await account.newKey()].map(({ key }) => harness.withKey(key));
    const clinics: string[] = [];
    for (let n = 0; n < 2; n++) clinics.push((await newClinic(account.owner.api)).id);
    const create = (api: (typeof keys)[number] | undefined, n: number) =>
      (api ?? account.owner.api).POST('/v1/clinics/{clinicId}/patients', {
        params: { path: { clinicId: clinics[n % 2] ?? '' } },
        body: { fullName: 'Ines Okafor', birthDate: '1990-01-01', email: address() } as never, // read-only fields are not sent
      });
    const { last } = await untilRefused(7, (n) => create(keys[n % 2], n));
    expectRefusal(last, /^there were more than 5 emails of this account in a day/);
    expect(statusOf(await create(harness.asService(), 0))).toBe(200);
    const silent = await keys[0]?.POST('/v1/clinics/{clinicId}/patients', {
      params: { path: { clinicId: clinics[0] ?? '' } },
      body: { fullName: 'Without Email', birthDate: '1990-01-01' } as never, // as above
    });
    expect(silent && statusOf(silent)).toBe(200);
  });
});

describe('what strangers offer to a clinic', () => {
  beforeAll(async () => {
    harness = await startHarness({ MAILS_PER_ACCOUNT: '4', MAILS_PER_CLINIC: '3' });
  });
  afterAll(() => harness.close());

  test('is limited for the clinic, and uses up nothing of what the clinic may send itself', async () => {
    const account = await newAccount(harness);
    const { id: clinicId, shareCode = '' } = await newClinic(account.owner.api);
    const offer = () => {
      const { api, userId } = harness.newUser({ roles: ['patient'] });
      const body = { shareCode, permissions: { view: {} } };
      return api.POST('/v1/patients/{userId}/invites', { params: { path: { userId } }, body });
    };
    const { last, before } = await untilRefused(4, offer);
    expect(before).toEqual([200, 200, 200]);
    expectRefusal(last, /^there were more than 3 offers of patients to this clinic in a day/);
    const invite = () => {
      const body = { email: address(), roles: ['CLINIC_MEMBER' as const] };
      return account.owner.api.POST(INVITES, { params: { path: { clinicId } }, body });
    };
    for (let n = 0; n < 3; n++) expect(statusOf(await invite())).toBe(200);
  });
});

describe('the same request again within the hour', () => {
  beforeAll(async () => {
    harness = await startHarness({ MAILS_PER_RECIPIENT: '4' });
  });
  afterAll(() => harness.close());

  test('reminds a patient to upload once, and answers as before', async () => {
    const where = await clinicOf();
    const { params } = await custodial(where);
    const remind = async () => answered(await where.admin.api.POST(REMINDER, { params }));
    const first = await remind();
    for (let times = 0; times < 30; times++) expect(await remind()).toEqual(first);
    const before = new Date(Date.now() - SAME_AGAIN_MS);
    await harness.models.patients.collection.updateOne(
      { email: first.email },
      { $set: { lastUploadReminderTime: before } },
    );
    expect((await remind()).lastUploadReminderTime).not.toBe(first.lastUploadReminderTime);
  });

  test('asks a patient to connect a provider once, and answers as before', async () => {
    const where = await clinicOf();
    const { patient } = await custodial(where);
    const params = { path: { clinicId: where.clinicId, patientId: patient.id, providerId: 'dexcom' as const } };
    for (let times = 0; times < 30; times++)
      expect(statusOf(await where.admin.api.POST(CONNECT, { params }))).toBe(204);
    const kept = await harness.models.patients.findOne({ email: patient.email }).lean();
    expect(kept?.connectionRequests?.['dexcom']).toHaveLength(1);
    expect(kept?.dataSources).toMatchObject([{ providerName: 'dexcom', state: 'pending' }]);
  });

  test('sends an invite again once, and answers as before', async () => {
    const { admin, clinicId } = await clinicOf();
    const body = { email: address(), roles: ['CLINIC_MEMBER' as const] };
    const { inviteId = '' } = answered(await admin.api.POST(INVITES, { params: { path: { clinicId } }, body }));
    const resend = async () => answered(await admin.api.PATCH(INVITE, { params: { path: { clinicId, inviteId } } }));
    const first = await resend();
    const sent = async () => (await harness.models.clinicians.findOne({ inviteId }).lean())?.inviteSentTime;
    const time = await sent();
    for (let times = 0; times < 30; times++) expect(await resend()).toEqual(first);
    expect(await sent()).toEqual(time);
  });
});
