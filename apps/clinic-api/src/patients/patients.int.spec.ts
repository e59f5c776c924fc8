import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { cgmSummary, newPatient, newPatientFromUser, person, setSummary } from '../../test/patients.ts';
import { CustodialAccounts } from './custodial-accounts.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

async function clinicOfAdmin(given: Parameters<typeof newClinic>[1] = {}) {
  const admin = harness.newUser();
  const clinic = await newClinic(admin.api, given);
  return { admin, api: admin.api, clinicId: clinic.id, shareCode: clinic.shareCode };
}
const path = (clinicId: string, patientId: string) => ({ params: { path: { clinicId, patientId } } });
const PATIENT = '/v1/clinics/{clinicId}/patients/{patientId}';
const get = async (clinicId: string, patientId: string) =>
  answered(await harness.asService().GET(PATIENT, path(clinicId, patientId)));
const count = async (clinicId: string) =>
  answered(await harness.asService().GET('/v1/clinics/{clinicId}/patient_count', { params: { path: { clinicId } } }));

describe('a custodial patient', () => {
  test('has all permissions, an account with the same email, and whoever made it as inviter', async () => {
    const { admin, api, clinicId } = await clinicOfAdmin();
    const email = `Pat.${Date.now()}@Example.Test`;
    const patient = await newPatient(api, clinicId, { email });
    expect(patient).toMatchObject({
      email: email.toLowerCase(),
      permissions: { custodian: {}, view: {}, upload: {}, note: {} },
    });
    expect(harness.identity.user(patient.id)).toMatchObject({ email: email.toLowerCase(), roles: ['patient'] });
    expect(await harness.models.patients.findOne({ userId: patient.id as never }).lean()).toMatchObject({
      invitedBy: admin.userId,
    });
    expect(await get(clinicId, patient.id)).toEqual(patient);
  });

  test('is not made with an email that somebody else has', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const other = harness.newUser();
    const body = person({ email: other.email?.toUpperCase() ?? '' }) as never; // as in newPatient
    const answer = await api.POST('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } }, body });
    expect(statusOf(answer)).toBe(409);
    expect(await count(clinicId)).toEqual({ total: 0, demo: 0, plan: 0 });
  });

  test('gets the account that an earlier attempt left when its patient could not be written', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const email = `left.${Date.now()}@example.test`;
    // The first attempt ends between the account and the patient.
    const accounts = harness.app.get(CustodialAccounts);
    const { _id } = (await harness.models.clinics.findOne({ name: 'Harbour Clinic' }).sort({ _id: -1 }).lean()) ?? {};
    if (!_id) throw new Error('the clinic was just made');
    const left = await accounts.create(_id, { email, fullName: 'Left Over' });
    const patient = await newPatient(api, clinicId, { email });
    expect(patient.id).toBe(left);
    // It is in use now: the email is taken, also for this clinic.
    const again = await api.POST('/v1/clinics/{clinicId}/patients', {
      params: { path: { clinicId } },
      body: person({ email }) as never,
    });
    expect(statusOf(again)).toBe(409);
  });

  test('keeps their account’s email equal to theirs when it changes', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const { id, ...patient } = await newPatient(api, clinicId, { mrn: 'A' });
    const email = `new.${id}@example.test`;
    const updated = answered(await api.PUT(PATIENT, { ...path(clinicId, id), body: { ...patient, email } as never }));
    expect(updated).toMatchObject({ id, email, mrn: 'A' });
    expect(harness.identity.user(id)?.email).toBe(email);
    const taken = harness.newUser().email;
    const answer = await api.PUT(PATIENT, { ...path(clinicId, id), body: { ...patient, email: taken } as never });
    expect(statusOf(answer)).toBe(409);
    expect(await get(clinicId, id)).toEqual(updated);
    const { email: _email, ...withoutEmail } = patient;
    const left = answered(await api.PUT(PATIENT, { ...path(clinicId, id), body: withoutEmail as never }));
    expect(left).not.toHaveProperty('email');
    expect(harness.identity.user(id)).not.toHaveProperty('email');
    expect(await newPatient(api, clinicId, { email })).toMatchObject({ email }); // it is free again
  });

  test('loses by an update what is not sent of the person, and keeps the clinic’s labels that are not sent', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const tag = answered(
      await api.POST('/v1/clinics/{clinicId}/patient_tags', {
        params: { path: { clinicId } },
        body: { name: 'Watch' } as never,
      }),
    );
    const { id } = await newPatient(api, clinicId, {
      mrn: 'B',
      targetDevices: ['dexcom'],
      tags: [tag.id],
      diagnosisType: 'type1',
    });
    const body = { fullName: 'Other Name', birthDate: '1991-01-01' } as never; // as in newPatient
    const updated = answered(await api.PUT(PATIENT, { ...path(clinicId, id), body }));
    expect(updated).toMatchObject({ fullName: 'Other Name', tags: [tag.id], diagnosisType: 'type1' });
    expect(updated).not.toHaveProperty('mrn');
    expect(updated).not.toHaveProperty('targetDevices');
    const search = (text: string) =>
      api.GET('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId }, query: { search: text } } });
    expect(answered(await search('other')).meta?.count).toBe(1);
    expect(answered(await search('patient')).meta?.count).toBe(0);
  });

  test.each<[string, { otherWayRound?: true; fewerTags?: true }]>([
    ['everything, of which only the name is new', {}],
    ['its tags and sites the other way round', { otherWayRound: true }],
    ['another set of tags', { fewerTags: true }],
  ])('is found by its new name, and counted as before, when a client sends %s', async (_, how) => {
    const { api, clinicId } = await clinicOfAdmin();
    const inClinic = { params: { path: { clinicId } } };
    const made = async (route: '/v1/clinics/{clinicId}/patient_tags' | '/v1/clinics/{clinicId}/sites', name: string) =>
      answered(await api.POST(route, { ...inClinic, body: { name } as never })); // an id is the server's to give
    const tags = [
      await made('/v1/clinics/{clinicId}/patient_tags', 'A'),
      await made('/v1/clinics/{clinicId}/patient_tags', 'B'),
    ].map(({ id }) => id);
    const sites = [await made('/v1/clinics/{clinicId}/sites', 'X'), await made('/v1/clinics/{clinicId}/sites', 'Y')];
    const sent = { mrn: 'S1', targetDevices: ['dexcom'], tags, sites: sites.map(({ id, name }) => ({ id, name })) };
    const { id, ...patient } = await newPatient(api, clinicId, sent);
    const body = {
      ...patient,
      fullName: 'Renamed',
      birthDate: '1999-09-09',
      targetDevices: ['omnipod'],
      ...(how.otherWayRound && { tags: tags.toReversed(), sites: sent.sites.toReversed() }),
      ...(how.fewerTags && { tags: tags.slice(1) }),
    } as never;
    const updated = answered(await api.PUT(PATIENT, { ...path(clinicId, id), body }));
    expect(updated).toMatchObject({ fullName: 'Renamed', birthDate: '1999-09-09', targetDevices: ['omnipod'] });
    expect(await get(clinicId, id)).toEqual(updated);
    for (const [search, count] of [
      ['renamed', 1],
      ['1999-09-09', 1],
      ['s1', 1],
      [patient.fullName, 0],
    ] as const) {
      const list = await api.GET('/v1/clinics/{clinicId}/patients', {
        params: { path: { clinicId }, query: { search } },
      });
      expect([search, answered(list).meta?.count]).toEqual([search, count]);
    }
    const clinic = answered(await api.GET('/v1/clinics/{clinicId}', inClinic));
    const withFirstTag = clinic.patientTags?.find((tag) => tag.id === tags[0])?.numPatients ?? 0;
    expect(withFirstTag).toBe(how.fewerTags ? 0 : 1);
    expect(clinic.sites?.map(({ numPatients }) => numPatients)).toEqual([1, 1]);
  });
});

describe('a patient from an existing user', () => {
  test('has what the profile tells, unless the request tells otherwise', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { userId, email } = harness.newUser({
      roles: ['patient'],
      profile: {
        fullName: 'Keeper',
        patient: { fullName: 'Kid', birthday: '2015-05-05', mrn: 'P-1', targetDevices: ['dexcom'] },
      },
    });
    const body = { permissions: { view: {}, note: {} }, mrn: 'C-1' };
    const created = answered(await harness.asService().POST(PATIENT, { ...path(clinicId, userId), body }));
    expect(created).toMatchObject({
      id: userId,
      fullName: 'Kid',
      birthDate: '2015-05-05',
      mrn: 'C-1',
      email,
      targetDevices: ['dexcom'],
      permissions: { view: {}, note: {} },
    });
    expect(statusOf(await harness.asService().POST(PATIENT, { ...path(clinicId, userId), body }))).toBe(409);
  });

  test('needs a user, and a name and a birth date from somewhere', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { userId } = harness.newUser({ roles: ['patient'], profile: {} });
    const post = async (patientId: string, body: object) =>
      statusOf(await harness.asService().POST(PATIENT, { ...path(clinicId, patientId), body }));
    expect(await post('1234567890', {})).toBe(404);
    expect(await post(userId, {})).toBe(422);
    expect(await post(userId, { fullName: 'Given', birthDate: '1970-01-01' })).toBe(200);
    expect(statusOf(await harness.asService().POST(PATIENT, { ...path('0'.repeat(24), userId), body: {} }))).toBe(404);
  });

  test('is made of what is usable in a profile, in which anything may stand', async () => {
    const { clinicId } = await clinicOfAdmin();
    const odd = { birthday: '2. März 1990', mrn: 7, targetDevices: ['dexcom', 8, null] };
    const { userId } = harness.newUser({ roles: ['patient'], profile: { fullName: 'Odd', patient: odd } });
    const post = (body: object) => harness.asService().POST(PATIENT, { ...path(clinicId, userId), body });
    expect(statusOf(await post({}))).toBe(422);
    const patient = answered(await post({ birthDate: '1990-03-02' }));
    expect(patient).toMatchObject({ fullName: 'Odd', birthDate: '1990-03-02', targetDevices: ['dexcom'] });
    expect(patient).not.toHaveProperty('mrn');
  });

  test('who comes again from another legacy clinician is no conflict', async () => {
    const { clinicId } = await clinicOfAdmin();
    const legacy = ['c000000001', 'c000000002', 'c000000001'];
    const { userId, patient } = await newPatientFromUser(harness, clinicId, {
      permissions: { view: {} },
      isMigrated: true,
      legacyClinicianId: 'c000000001',
    });
    const again = await Promise.all(
      legacy.map((legacyClinicianId) =>
        harness.asService().POST(PATIENT, { ...path(clinicId, userId), body: { isMigrated: true, legacyClinicianId } }),
      ),
    );
    expect(again.map(statusOf)).toEqual([200, 200, 200]);
    expect(answered(again[1] ?? { response: new Response() })).toMatchObject({
      id: patient.id,
      permissions: { view: {} },
    });
    const record = await harness.models.patients.findOne({ userId }).lean();
    expect([...(record?.legacyClinicianIds ?? [])].sort()).toEqual(['c000000001', 'c000000002']);
    expect(await count(clinicId)).toMatchObject({ total: 1 });
  });

  test('from two legacy clinicians at the same moment is there once', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { userId } = harness.newUser({
      roles: ['patient'],
      profile: { fullName: 'Twice', patient: { birthday: '1990-01-01' } },
    });
    const answers = await Promise.all(
      ['c000000001', 'c000000002', 'c000000003'].map((legacyClinicianId) =>
        harness
          .asService()
          .POST(PATIENT, { ...path(clinicId, userId), body: { permissions: { view: {} }, legacyClinicianId } }),
      ),
    );
    expect(answers.map(statusOf)).toEqual([200, 200, 200]);
    const records = await harness.models.patients.find({ userId }).lean();
    expect(records).toHaveLength(1);
    expect(records[0]?.legacyClinicianIds).toHaveLength(3);
  });
});

describe('permissions', () => {
  const permissions = '/v1/clinics/{clinicId}/patients/{patientId}/permissions';

  test('are replaced by the patient, who can not give custody', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { api, userId } = await newPatientFromUser(harness, clinicId, { permissions: { view: {}, upload: {} } });
    const body = { note: {}, view: {}, custodian: {} };
    expect(answered(await api.PUT(permissions, { ...path(clinicId, userId), body }))).toEqual({ view: {}, note: {} });
    expect((await get(clinicId, userId)).permissions).toEqual({ view: {}, note: {} });
  });

  test('taken away one by one, also at once, end with the patient gone, with a tombstone', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { api, userId } = await newPatientFromUser(harness, clinicId, {
      permissions: { view: {}, upload: {}, note: {} },
    });
    const take = (permission: 'view' | 'upload' | 'note' | 'custodian') =>
      api.DELETE(`${permissions}/{permission}`, { params: { path: { clinicId, patientId: userId, permission } } });
    expect(statusOf(await take('custodian'))).toBe(404);
    const answers = await Promise.all((['view', 'upload', 'note'] as const).map(take));
    expect(answers.map(statusOf)).toEqual([204, 204, 204]);
    expect(statusOf(await harness.asService().GET(PATIENT, path(clinicId, userId)))).toBe(404);
    expect(
      await harness.models.patientArchives.collection.countDocuments({
        userId,
        deletedBy: userId,
      }),
    ).toBe(1);
    expect(await count(clinicId)).toMatchObject({ total: 0, plan: 0 });
  });

  test('set to none take the patient away', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { api, userId } = await newPatientFromUser(harness, clinicId);
    expect(statusOf(await api.PUT(permissions, { ...path(clinicId, userId), body: { custodian: {} } }))).toBe(204);
    expect(statusOf(await api.PUT(permissions, { ...path(clinicId, userId), body: { view: {} } }))).toBe(404);
  });
});

describe('reviews', () => {
  const reviews = '/v1/clinics/{clinicId}/patients/{patientId}/reviews';

  test('are the last two, newest first; only the author takes the newest back', async () => {
    const { api, admin, clinicId } = await clinicOfAdmin();
    const member = harness.newUser();
    const body = { id: member.userId, email: 'm@example.test', roles: ['CLINIC_MEMBER'] } as never; // read-only fields are not sent
    answered(
      await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } }, body }),
    );
    const { id } = await newPatient(api, clinicId);
    expect(statusOf(await api.DELETE(reviews, path(clinicId, id)))).toBe(404);
    for (const by of [api, api, member.api]) answered(await by.PUT(reviews, path(clinicId, id)));
    const authors = async () => (await get(clinicId, id)).reviews?.map(({ clinicianId }) => clinicianId);
    expect(await authors()).toEqual([member.userId, admin.userId]);
    expect(statusOf(await api.DELETE(reviews, path(clinicId, id)))).toBe(409);
    const left = answered(await member.api.DELETE(reviews, path(clinicId, id)));
    expect(left.map(({ clinicianId }) => clinicianId)).toEqual([admin.userId]);
    expect(statusOf(await member.api.DELETE(reviews, path(clinicId, id)))).toBe(409);
    expect(answered(await api.DELETE(reviews, path(clinicId, id)))).toEqual([]);
    expect(statusOf(await api.PUT(reviews, path(clinicId, '1234567890')))).toBe(404);
  });

  test('that race are never more than two', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const { id } = await newPatient(api, clinicId);
    const answers = await Promise.all(Array.from({ length: 12 }, () => api.PUT(reviews, path(clinicId, id))));
    expect(answers.map(statusOf)).toEqual(answers.map(() => 200));
    expect((await get(clinicId, id)).reviews).toHaveLength(2);
  });
});

describe('requests to a patient', () => {
  test('to upload are noted with their time', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const { id } = await newPatient(api, clinicId);
    const before = Date.now();
    const reminded = answered(
      await api.POST('/v1/clinics/{clinicId}/patients/{patientId}/upload_reminder', path(clinicId, id)),
    );
    expect(new Date(reminded.lastUploadReminderTime ?? 0).getTime()).toBeGreaterThanOrEqual(before);
    expect((await get(clinicId, id)).lastUploadReminderTime).toBe(reminded.lastUploadReminderTime);
  });

  test('to connect a provider make its data source pending, newest request first, and are counted', async () => {
    const { api, clinicId } = await clinicOfAdmin();
    const { id } = await newPatient(api, clinicId, {
      dataSources: [
        { providerName: 'dexcom', state: 'pending' },
        { providerName: 'abbott', state: 'error', modifiedTime: '2026-01-01T00:00:00Z' },
      ],
    });
    const connect = (providerId: 'dexcom' | 'abbott' | 'twiist') =>
      api.POST('/v1/clinics/{clinicId}/patients/{patientId}/connect/{providerId}', {
        params: { path: { clinicId, patientId: id, providerId } },
      });
    expect(statusOf(await connect('twiist'))).toBe(404);
    for (const provider of ['dexcom', 'abbott'] as const) expect(statusOf(await connect(provider))).toBe(204);
    await harness.models.patients.collection.updateOne(
      { userId: id as never }, // ids are texts
      { $set: { 'connectionRequests.dexcom.0.createdTime': new Date(Date.now() - 2 * 3_600_000) } },
    );
    expect(statusOf(await connect('dexcom'))).toBe(204);
    const { connectionRequests, dataSources } = await get(clinicId, id);
    expect([
      connectionRequests.dexcom.length,
      connectionRequests.abbott.length,
      connectionRequests.twiist.length,
    ]).toEqual([2, 1, 0]);
    const [newer, older] = connectionRequests.dexcom.map(({ createdTime }) => new Date(createdTime).getTime());
    expect(newer).toBeGreaterThanOrEqual(older ?? Infinity);
    expect(dataSources?.map(({ state }) => state)).toEqual(['pending', 'pendingReconnect']);
    expect((await count(clinicId)).providers).toEqual({
      dexcom: { total: 1, states: { pending: 1 } },
      abbott: { total: 1, states: { pendingReconnect: 1 } },
    });
  });
});

describe('what other services tell of a user', () => {
  test('data sources are set in all clinics and counted there; twiist patients are in no plan', async () => {
    const [one, two] = [await clinicOfAdmin(), await clinicOfAdmin()];
    const { userId } = await newPatientFromUser(harness, one.clinicId);
    answered(
      await harness.asService().POST(PATIENT, { ...path(two.clinicId, userId), body: { permissions: { view: {} } } }),
    );
    const put = (body: object) =>
      harness
        .asService()
        .PUT('/v1/patients/{userId}/data_sources', { params: { path: { userId } }, body: body as never });
    expect(
      statusOf(await put([{ providerName: 'twiist', state: 'connected', modifiedTime: '2026-01-01T00:00:00Z' }])),
    ).toBe(200);
    for (const { clinicId } of [one, two]) {
      expect(await count(clinicId)).toEqual({
        total: 1,
        demo: 0,
        plan: 0,
        providers: { twiist: { total: 1, states: { connected: 1 } } },
      });
      expect((await get(clinicId, userId)).dataSources).toEqual([
        { providerName: 'twiist', state: 'connected', modifiedTime: '2026-01-01T00:00:00Z' },
      ]);
    }
    expect(statusOf(await put([]))).toBe(200);
    expect((await get(one.clinicId, userId)).dataSources).toEqual([]);
    expect(await count(one.clinicId)).toEqual({ total: 1, demo: 0, plan: 1 });
  });

  test('a summary is set in all clinics, kept for the other kind of data, and deleted by its id', async () => {
    const { clinicId } = await clinicOfAdmin();
    const { userId } = await newPatientFromUser(harness, clinicId);
    const summary = cgmSummary({
      id: 'a'.repeat(24),
      lastData: '2026-01-02T03:04:05Z',
      periods: { '14d': { timeInTargetPercent: 0.5 } },
    });
    expect(await setSummary(harness, userId, summary)).toBe(200);
    expect(await setSummary(harness, userId, summary)).toBe(204); // as it is already
    const bgm = {
      bgmStats: { id: 'b'.repeat(24), config: summary.cgmStats.config, dates: summary.cgmStats.dates, periods: {} },
    };
    expect(await setSummary(harness, userId, bgm)).toBe(200);
    expect((await get(clinicId, userId)).summary).toEqual({ ...summary, ...bgm });
    const remove = async (summaryId: string) =>
      statusOf(
        await harness.asService().DELETE('/v1/summaries/{summaryId}/clinics', { params: { path: { summaryId } } }),
      );
    expect(await remove('a'.repeat(24))).toBe(200);
    expect(await remove('a'.repeat(24))).toBe(204);
    expect((await get(clinicId, userId)).summary).toEqual(bgm);
    expect(await setSummary(harness, userId, {})).toBe(204);
  });
});

describe('people and their clinics', () => {
  test('a user sees the clinics they are a patient of, in pages; others do not', async () => {
    const [one, two] = [await clinicOfAdmin({ name: 'One' }), await clinicOfAdmin({ name: 'Two' })];
    const { api, userId } = await newPatientFromUser(harness, one.clinicId);
    answered(
      await harness.asService().POST(PATIENT, { ...path(two.clinicId, userId), body: { permissions: { view: {} } } }),
    );
    const clinics = '/v1/patients/{userId}/clinics';
    const list = answered(await api.GET(clinics, { params: { path: { userId } } }));
    expect(list.map(({ clinic }) => clinic.name).sort()).toEqual(['One', 'Two']);
    expect(list.map(({ patient }) => patient.id)).toEqual([userId, userId]);
    expect(
      answered(await api.GET(clinics, { params: { path: { userId }, query: { limit: 1, offset: 1 } } })),
    ).toHaveLength(1);
    expect(statusOf(await one.api.GET(clinics, { params: { path: { userId } } }))).toBe(403);
  });

  test('a clinician finds patients by MRN or birth date in their own clinics only', async () => {
    const [mine, other] = [await clinicOfAdmin(), await clinicOfAdmin()];
    const second = await newClinic(mine.api, { name: 'Second' });
    const mrn = `F-${Date.now()}`;
    for (const clinicId of [mine.clinicId, second.id])
      await newPatient(mine.api, clinicId, { mrn, birthDate: '2001-02-03' });
    await newPatient(other.api, other.clinicId, { mrn });
    const find = async (query: object) => answered(await mine.api.GET('/v1/patients', { params: { query } }));
    expect((await find({ mrn })).map(({ clinic }) => clinic.id).sort()).toEqual([mine.clinicId, second.id].sort());
    expect(await find({ mrn, birthDate: '2001-02-04' })).toEqual([]);
    expect((await find({ birthDate: '2001-02-03' })).map(({ clinic }) => clinic.id).sort()).toEqual(
      [mine.clinicId, second.id].sort(),
    );
    expect(await find({ birthDate: '2001-02-04' })).toEqual([]);
    expect(
      (await find({ mrn, workspaceId: second.id, workspaceIdType: 'clinicId' })).map(({ clinic }) => clinic.name),
    ).toEqual(['Second']);
    expect(await find({ mrn, workspaceId: other.clinicId, workspaceIdType: 'clinicId' })).toEqual([]);
    expect(statusOf(await mine.api.GET('/v1/patients', { params: { query: { workspaceId: second.id } } }))).toBe(400);
  });
});

test('a patient who is deleted leaves a tombstone that says who did it', async () => {
  const { admin, api, clinicId } = await clinicOfAdmin();
  const { id } = await newPatient(api, clinicId);
  const answers = await Promise.all([1, 2, 3].map(() => api.DELETE(PATIENT, path(clinicId, id))));
  expect(answers.map(statusOf).sort()).toEqual([204, 404, 404]);
  expect(
    await harness.models.patientArchives.collection.countDocuments({
      userId: id,
      deletedBy: admin.userId,
    }),
  ).toBe(1);
  expect(await count(clinicId)).toMatchObject({ total: 0 });
});
