import { jest } from '@jest/globals';
import { newAccount } from '../../test/accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';
import { ShareCodes } from './share-codes.ts';

const demo = '0123456789';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ DEMO_PATIENT_USER_ID: demo });
  harness.identity.addUser({
    userId: demo as never, // ten hex digits
    roles: ['patient'],
    profile: { fullName: 'Demo Dan', patient: { birthday: '1980-01-02', mrn: 'D-1', targetDevices: ['dexcom'] } },
  });
});
afterAll(() => harness.close());

const get = async (clinicId: string) =>
  answered(await harness.asService().GET('/v1/clinics/{clinicId}', { params: { path: { clinicId } } }));
const find = async (query: object) => answered(await harness.asService().GET('/v1/clinics', { params: { query } }));

describe('a new clinic', () => {
  test('has its creator as admin, under the name and email that the identity service knows, and the demo patient', async () => {
    const ann = harness.newUser({ email: 'Ann@Example.Test', profile: { fullName: 'Ann Admin' } });
    const { id } = await newClinic(ann.api);
    const clinicians = answered(
      await ann.api.GET('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId: id } } }),
    );
    expect(clinicians).toMatchObject([
      { id: ann.userId, email: 'ann@example.test', name: 'Ann Admin', roles: ['CLINIC_ADMIN'] },
    ]);
    const path = { clinicId: id, patientId: demo };
    const patient = answered(await ann.api.GET('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path } }));
    expect(patient).toMatchObject({
      fullName: 'Demo Dan',
      birthDate: '1980-01-02',
      mrn: 'D-1',
      permissions: { view: {} },
    });
    const count = answered(
      await ann.api.GET('/v1/clinics/{clinicId}/patient_count', { params: { path: { clinicId: id } } }),
    );
    expect(count).toEqual({ total: 1, demo: 1, plan: 0 });
  });

  test('is not made for someone without a user account', async () => {
    const before = await harness.models.clinics.countDocuments();
    const answer = await harness
      .asUser(newUserId())
      .POST('/v1/clinics', { body: { name: 'X', preferredBgUnits: 'mg/dL' } });
    expect(statusOf(answer)).toBe(404);
    expect(await harness.models.clinics.countDocuments()).toBe(before);
  });

  test('belongs to the account of its creator, and its key reaches it; a stranger’s key does not', async () => {
    const owner = harness.newUser();
    const stranger = harness.newUser();
    const keys = await Promise.all(
      [owner, stranger].map(async (user) => (await (await newAccount(harness, user)).newKey()).key),
    );
    const { id } = await newClinic(owner.api);
    const read = (apiKey = '') =>
      harness.withKey(apiKey).GET('/v1/clinics/{clinicId}', { params: { path: { clinicId: id } } });
    expect(statusOf(await read(keys[0]))).toBe(200);
    expect(statusOf(await read(keys[1]))).toBe(403);
    const made = answered(
      await harness.withKey(keys[0] ?? '').POST('/v1/clinics', { body: { name: 'By key', preferredBgUnits: 'mg/dL' } }),
    );
    expect(await harness.models.clinicians.countDocuments({ userId: owner.userId })).toBe(2);
    expect(made.name).toBe('By key');
  });

  test('draws its share code again when another clinic has it, and parallel ones never share one', async () => {
    const codes = harness.app.get(ShareCodes);
    const taken = 'AAAA-BBBB-CCCC';
    let drawn = 0;
    // Each code is offered to three, as if the alphabet were very small.
    const draw = jest
      .spyOn(codes, 'draw')
      .mockImplementation(() => taken.replace(/.$/, String.fromCharCode(68 + Math.floor(drawn++ / 3))));
    const { api } = harness.newUser();
    const clinics = await Promise.all(Array.from({ length: 6 }, () => newClinic(api)));
    draw.mockRestore();
    expect(new Set(clinics.map(({ shareCode }) => shareCode)).size).toBe(6);
    expect(await find({ shareCode: clinics[3]?.shareCode })).toMatchObject([{ id: clinics[3]?.id }]);
  });
});

describe('the list of clinics', () => {
  test('can be limited to a time of creation, to pages, and to hospital records', async () => {
    const { api } = harness.newUser();
    const made = [
      await newClinic(api, { name: 'One' }),
      await newClinic(api, { name: 'Two' }),
      await newClinic(api, { name: 'Three' }),
    ];
    const [one, two, three] = made.map(({ createdTime }) => createdTime);
    const names = async (query: object) => (await find({ createdTimeStart: one, ...query })).map(({ name }) => name);
    expect(await names({})).toEqual(['One', 'Two', 'Three']);
    expect(await names({ createdTimeEnd: three })).toEqual(['One', 'Two']);
    expect(await names({ createdTimeStart: two, limit: 1 })).toEqual(['Two']);
    expect(await names({ offset: 1, limit: 1 })).toEqual(['Two']);
    expect(await names({ ehrEnabled: true })).toEqual([]);
    await harness.asService().PUT('/v1/clinics/{clinicId}/settings/ehr', {
      params: { path: { clinicId: made[1]?.id ?? '' } },
      body: {
        enabled: true,
        provider: 'redox',
        sourceId: 'source',
        mrnIdType: 'MRN',
        procedureCodes: {},
        scheduledReports: { onUploadEnabled: false, cadence: 'DISABLED' },
        tags: {},
        flowsheets: { icode: false },
      },
    });
    expect(await names({ ehrEnabled: true })).toEqual(['Two']);
    expect(await names({ ehrEnabled: false })).toEqual([]);
  });
});

describe('an update', () => {
  test('keeps what is not sent, cannot set what is read-only, and ignores what is unknown', async () => {
    const { api } = harness.newUser();
    const { id, shareCode, createdTime } = await newClinic(api);
    const params = { path: { clinicId: id } };
    const body = {
      name: 'New',
      preferredBgUnits: 'mmol/L',
      city: 'Fremantle',
      tier: 'tier0400',
      shareCode: 'ZZZZ-ZZZZ-ZZZZ',
      isMigrated: false,
    };
    // The typed client would refuse the last three.
    const updated = answered(await api.PUT('/v1/clinics/{clinicId}', { params, body: body as never }));
    expect(updated).toMatchObject({
      name: 'New',
      city: 'Fremantle',
      country: 'US',
      tier: 'tier0100',
      shareCode,
      createdTime,
    });
    expect(updated.canMigrate).toBe(false);
    expect(await get(id)).toEqual(updated);
  });

  test('of a clinic that does not exist is answered with 404', async () => {
    const params = { path: { clinicId: '0'.repeat(24) } };
    const answer = await harness
      .asService()
      .PUT('/v1/clinics/{clinicId}', { params, body: { name: 'X', preferredBgUnits: 'mg/dL' } });
    expect(statusOf(answer)).toBe(404);
  });
});

describe('deletion', () => {
  test('takes an empty clinic with its clinicians and demo patient, and leaves tombstones that say who did it', async () => {
    const ann = harness.newUser();
    const { id } = await newClinic(ann.api);
    expect(statusOf(await ann.api.DELETE('/v1/clinics/{clinicId}', { params: { path: { clinicId: id } } }))).toBe(204);
    const { models } = harness;
    const clinicId = (await models.clinicArchives.findOne({ deletedBy: ann.userId }).lean())?.clinicId;
    expect(clinicId?.toHexString()).toBe(id);
    expect(
      await models.clinicianArchives.collection.countDocuments({
        clinicId,
        deletedBy: ann.userId,
      }),
    ).toBe(1);
    expect(
      await models.patientArchives.collection.countDocuments({
        clinicId,
        userId: demo,
      }),
    ).toBe(1);
    for (const left of [models.clinicians, models.patients, models.clinicCounts]) {
      expect(await left.collection.countDocuments({ clinicId })).toBe(0);
    }
  });

  test('is refused while there are patients, also when one is added at the same moment', async () => {
    const ann = harness.newUser();
    for (let round = 0; round < 5; round++) {
      const { id } = await newClinic(ann.api);
      const params = { path: { clinicId: id } };
      const [deleted, added] = await Promise.all([
        ann.api.DELETE('/v1/clinics/{clinicId}', { params }),
        ann.api.POST('/v1/clinics/{clinicId}/patients', { params, body: { fullName: 'Pat', birthDate: '1990-01-01' } }),
      ]);
      const outcome = `${statusOf(deleted)} ${statusOf(added)}`;
      expect(['204 404', '204 403', '400 200']).toContain(outcome);
      const left = await harness.models.patients.countDocuments({ fullName: 'Pat' });
      expect(left).toBe(statusOf(added) === 200 ? 1 : 0);
      await harness.models.patients.deleteMany({ fullName: 'Pat' });
    }
  });
});
