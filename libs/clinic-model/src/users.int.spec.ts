import { randomBytes } from 'node:crypto';
import type { UserId } from '@caregate/identity';
import { inTransaction } from '@caregate/service';
import { createConnection, type Connection, type Types } from 'mongoose';
import { insertClinician } from './clinicians.ts';
import { readCounts } from './counts.ts';
import type { ClinicDocument, ClinicianDocument, PatientDocument } from './documents.ts';
import { newObjectId } from './ids.ts';
import { clinicModels, type ClinicModels, prepareClinicDatabase } from './models.ts';
import { insertPatient } from './patients.ts';
import { searchFields } from './search-text.ts';
import { drawShareCode } from './share-code.ts';
import { removeUserFromClinics, updateUserEmail, type UserRecords } from './users.ts';

const uri = process.env.MONGODB_URI;
const onRealServer = uri ? describe : describe.skip;
if (!uri) process.stderr.write('users.int.spec.ts: skipped, MONGODB_URI is not set\n');

onRealServer('a user’s records in all clinics', () => {
  let address: string;
  let connection: Connection;
  let models: ClinicModels;
  let records: UserRecords;
  const isDemo = () => false;

  beforeAll(async () => {
    const server = new URL(uri ?? '');
    server.pathname = `/users_${randomBytes(6).toString('hex')}`;
    address = server.href;
    connection = await createConnection(address, { ignoreUndefined: true }).asPromise();
    await prepareClinicDatabase(connection);
    models = clinicModels(connection);
    records = { connection, models, isDemo };
  });

  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  test('are removed from every clinic, counted out, with tombstones, and the admins follow', async () => {
    const [ann, eve] = [drawUserId(), drawUserId()];
    const clinics = [await newClinic(), await newClinic(), await newClinic()];
    for (const clinicId of clinics) {
      await addClinician(clinicId, ann, ['CLINIC_ADMIN']);
      await addClinician(clinicId, eve, ['CLINIC_ADMIN']);
      await addPatient(clinicId, ann, { custodian: {} });
    }
    expect(await removeUserFromClinics(records, ann, 'service:test')).toEqual({ patients: 3, clinicians: 3 });
    for (const clinicId of clinics) {
      expect((await models.clinics.findById(clinicId).lean())?.admins).toEqual([eve]);
      expect((await readCounts(models, clinicId)).total).toBe(0);
    }
    expect(await models.patients.countDocuments({ userId: ann })).toBe(0);
    expect(await models.clinicians.countDocuments({ userId: ann })).toBe(0);
    expect(await models.patientArchives.countDocuments({ userId: ann, deletedBy: 'service:test' })).toBe(3);
    expect(await models.clinicianArchives.countDocuments({ userId: ann })).toBe(3);
  });

  test('can be removed twice at once and again', async () => {
    const ann = drawUserId();
    const clinicId = await newClinic();
    await addClinician(clinicId, ann, ['CLINIC_MEMBER']);
    await addPatient(clinicId, ann, { view: {} });
    await Promise.all([1, 2, 3].map(() => removeUserFromClinics(records, ann, 'service:test')));
    expect(await removeUserFromClinics(records, ann, 'service:test')).toEqual({ patients: 0, clinicians: 0 });
    expect(await models.patientArchives.countDocuments({ userId: ann })).toBe(1);
    expect((await readCounts(models, clinicId)).total).toBe(0);
  });

  test('when the last clinician goes, the clinic stays with its custodial patients only', async () => {
    const ann = drawUserId();
    const clinicId = await newClinic();
    await addClinician(clinicId, ann, ['CLINIC_ADMIN']);
    const kept = drawUserId();
    await addPatient(clinicId, kept, { custodian: {}, view: {} });
    for (let i = 0; i < 60; i++) await addPatient(clinicId, drawUserId(), { view: {} });
    await removeUserFromClinics(records, ann, 'service:test');
    expect(await models.clinics.countDocuments({ _id: clinicId, admins: [] })).toBe(1);
    expect((await models.patients.find({ clinicId }).lean()).map(({ userId }) => userId)).toEqual([kept]);
    expect(await readCounts(models, clinicId)).toMatchObject({ total: 1, plan: 1 });
  });

  test('while others are left in the clinic, its patients stay', async () => {
    const [ann, eve] = [drawUserId(), drawUserId()];
    const clinicId = await newClinic();
    await addClinician(clinicId, ann, ['CLINIC_ADMIN']);
    await addClinician(clinicId, eve, ['CLINIC_MEMBER']);
    await addPatient(clinicId, drawUserId(), { view: {} });
    await removeUserFromClinics(records, ann, 'service:test');
    expect((await readCounts(models, clinicId)).total).toBe(1);
  });

  test('get a new email, by which patients are found then', async () => {
    const ann = drawUserId();
    const [one, two] = [await newClinic(), await newClinic()];
    await addClinician(one, ann, ['CLINIC_MEMBER']);
    await addPatient(two, ann, { view: {} });
    const email = `New.${ann}@Example.test`;
    expect(await updateUserEmail(records, ann, email, 'service:test')).toEqual({
      patients: 1,
      clinicians: 1,
      refusedBy: [],
    });
    expect(await models.clinicians.countDocuments({ userId: ann, email: email.toLowerCase() })).toBe(1);
    expect((await models.patients.findOne({ userId: ann }).lean())?.searchText).toContain(email.toLowerCase());
    expect(await updateUserEmail(records, ann, email, 'service:test')).toEqual({
      patients: 0,
      clinicians: 0,
      refusedBy: [],
    });
  });

  test('without an email, patients lose theirs and cannot be found by it, clinicians keep the last', async () => {
    const ann = drawUserId();
    const [one, two] = [await newClinic(), await newClinic()];
    await addClinician(one, ann, ['CLINIC_MEMBER']);
    await addPatient(two, ann, { custodian: {} });
    expect(await updateUserEmail(records, ann, undefined, 'service:test')).toEqual({
      patients: 1,
      clinicians: 0,
      refusedBy: [],
    });
    const patient = await models.patients.findOne({ userId: ann }).lean();
    expect(patient?.email).toBeUndefined();
    expect(patient?.searchText).not.toContain('@');
    expect(await models.clinicians.countDocuments({ userId: ann, email: `${ann}@example.test` })).toBe(1);
  });

  test('an email that an invite waits for ends the invite, one that a member has is refused there', async () => {
    const [ann, eve] = [drawUserId(), drawUserId()];
    const [invited, taken] = [await newClinic(), await newClinic()];
    const email = `wanted.${ann}@example.test`;
    for (const clinicId of [invited, taken]) await addClinician(clinicId, ann, ['CLINIC_MEMBER']);
    await addClinician(invited, undefined, ['CLINIC_MEMBER'], { email, inviteId: 'invite' });
    await addClinician(taken, eve, ['CLINIC_MEMBER'], { email });
    const { refusedBy } = await updateUserEmail(records, ann, email, 'service:test');
    expect(refusedBy).toEqual([taken.toHexString()]);
    expect(await models.clinicians.countDocuments({ clinicId: invited })).toBe(1);
    expect(await models.clinicians.countDocuments({ clinicId: invited, userId: ann, email })).toBe(1);
    expect(await models.clinicians.countDocuments({ clinicId: taken, userId: eve, email })).toBe(1);
  });

  test('of a thousand clinics get a new email in few transactions', async () => {
    const [ann, eve] = [drawUserId(), drawUserId()];
    const clinics: Types.ObjectId[] = [];
    const now = new Date();
    for (let i = 0; i < 1_250; i++) clinics.push(newObjectId());
    const member = (userId: UserId) => (clinicId: Types.ObjectId) => ({
      ...{ _id: newObjectId(), clinicId, userId, email: `${userId}@example.test`, roles: ['CLINIC_MEMBER' as const] },
      ...{ rolesUpdates: [], createdTime: now, updatedTime: now },
    });
    const seen = { fullName: 'Pat', birthDate: '1990-01-01', email: `${ann}@example.test` };
    const patients = clinics.map((clinicId) => ({
      ...{ _id: newObjectId(), clinicId, userId: ann, permissions: { view: {} }, tags: [], sites: [] },
      ...{ ...seen, ...searchFields(seen), createdTime: now, updatedTime: now },
    }));
    await models.clinicians.collection.insertMany(clinics.map(member(ann)));
    await models.clinicians.collection.insertMany(clinics.slice(0, 3).map(member(eve)));
    await models.patients.collection.insertMany(patients);
    const watched = await createConnection(address, { monitorCommands: true }).asPromise();
    const began = new Set<string>();
    watched.getClient().on('commandStarted', ({ command }) => {
      if (command['startTransaction']) began.add(`${command['lsid']?.id.toString('hex')}:${command['txnNumber']}`);
    });
    const here = { connection: watched, models: clinicModels(watched), isDemo };
    expect(await updateUserEmail(here, ann, `new.${ann}@example.test`, 'service:test')).toEqual({
      ...{ patients: 1_250, clinicians: 1_250, refusedBy: [] },
    });
    expect(began.size).toBeLessThanOrEqual(40);
    const { refusedBy } = await updateUserEmail(here, ann, `${eve}@example.test`, 'service:test');
    expect([...refusedBy].sort()).toEqual(clinics.slice(0, 3).map(String).sort());
    expect(await models.clinicians.countDocuments({ userId: ann, email: `${eve}@example.test` })).toBe(1_247);
    expect(await models.patients.countDocuments({ userId: ann, searchText: { $regex: `${eve}@example` } })).toBe(1_250);
    await watched.close();
  }, 120_000);

  const drawUserId = () => randomBytes(5).toString('hex') as UserId; // ten hex digits, as the type asks

  async function newClinic(): Promise<Types.ObjectId> {
    const now = new Date();
    const shareCode = drawShareCode();
    const clinic: ClinicDocument = {
      _id: newObjectId(),
      name: 'Clinic',
      preferredBgUnits: 'mg/dL',
      shareCodes: [shareCode],
      canonicalShareCode: shareCode,
      tier: 'tier0100',
      isMigrated: true,
      admins: [],
      patientTags: [],
      sites: [],
      createdTime: now,
      updatedTime: now,
    };
    await models.clinics.collection.insertOne(clinic);
    return clinic._id;
  }

  function addClinician(
    clinicId: Types.ObjectId,
    userId: UserId | undefined,
    roles: ClinicianDocument['roles'],
    others: Partial<ClinicianDocument> = { email: `${userId}@example.test` },
  ) {
    const now = new Date();
    const clinician = {
      _id: newObjectId(),
      clinicId,
      ...(userId && { userId }),
      ...others,
      roles,
      rolesUpdates: [],
      createdTime: now,
      updatedTime: now,
    };
    return inTransaction(connection, (session) => insertClinician({ models, session }, clinician));
  }

  function addPatient(clinicId: Types.ObjectId, userId: UserId, permissions: PatientDocument['permissions']) {
    const now = new Date();
    const seen = { fullName: 'Pat', birthDate: '1990-01-01', email: `${userId}@example.test` };
    const patient = {
      _id: newObjectId(),
      clinicId,
      userId,
      permissions,
      tags: [],
      sites: [],
      ...seen,
      ...searchFields(seen),
      createdTime: now,
      updatedTime: now,
    };
    return inTransaction(connection, (session) => insertPatient({ models, session, isDemo }, patient));
  }
});
