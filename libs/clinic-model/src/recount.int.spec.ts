import { randomBytes } from 'node:crypto';
import type { UserId } from '@caregate/identity';
import { inTransaction } from '@caregate/service';
import { createConnection, type Connection, type Types } from 'mongoose';
import { readCounts } from './counts.ts';
import type { PatientDocument } from './documents.ts';
import { newObjectId } from './ids.ts';
import { clinicModels, type ClinicModels, prepareClinicDatabase } from './models.ts';
import { changePatient, findPatient, insertPatient, removePatient } from './patients.ts';
import { checkCounts, type Recounting, repairCounts } from './recount.ts';
import { searchFields } from './search-text.ts';

const uri = process.env.MONGODB_URI;
const onRealServer = uri ? describe : describe.skip;
if (!uri) process.stderr.write('recount.int.spec.ts: skipped, MONGODB_URI is not set\n');

onRealServer('counts', () => {
  let connection: Connection;
  let models: ClinicModels;
  let recounting: Recounting;
  const demo = 'd000000000';
  const isDemo = (userId: string) => userId === demo;
  const [tag, site] = [newObjectId(), newObjectId()];

  beforeAll(async () => {
    const server = new URL(uri ?? '');
    server.pathname = `/recount_${randomBytes(6).toString('hex')}`;
    connection = await createConnection(server.href, { ignoreUndefined: true }).asPromise();
    await prepareClinicDatabase(connection);
    models = clinicModels(connection);
    recounting = { connection, models, isDemo };
  });

  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  function patientOf(clinicId: Types.ObjectId, given: Partial<PatientDocument> = {}): PatientDocument {
    const person = { fullName: 'Pat', birthDate: '1990-01-01', ...given };
    const now = new Date();
    return {
      _id: newObjectId(),
      clinicId,
      userId: randomBytes(5).toString('hex') as UserId, // ten hex digits
      permissions: {},
      tags: [],
      sites: [],
      createdTime: now,
      updatedTime: now,
      ...person,
      ...searchFields(person),
    };
  }
  const add = (patient: PatientDocument) =>
    inTransaction(connection, (session) => insertPatient({ models, session, isDemo }, patient));
  const drift = async (clinicId: Types.ObjectId) => [...(await checkCounts(recounting, clinicId))];

  test('say which patients are searched and sorted by what an older version made of their names', async () => {
    const clinicId = newObjectId();
    const older = patientOf(clinicId, { fullName: 'José' });
    await add(older);
    await add(patientOf(clinicId));
    const { _id } = older;
    await models.patients.collection.updateOne({ _id }, { $set: { searchText: 'josé', sortName: 'josé' } });
    expect(await drift(clinicId)).toContainEqual({ figure: 'search', kept: 1, counted: 2 });
    expect(await repairCounts(recounting, clinicId)).toContainEqual({ figure: 'search', kept: 1, counted: 2 });
    expect(await drift(clinicId)).toEqual([]);
    expect(await models.patients.findOne({ _id }).lean()).toMatchObject(searchFields(older));
  });

  test('that changed with the patients agree, whatever is counted', async () => {
    const clinicId = newObjectId();
    const patient = patientOf(clinicId, { tags: [tag, tag], sites: [{ _id: site, name: 'North' }] });
    await add(patient);
    await add(patientOf(clinicId, { userId: demo as UserId })); // ten hex digits
    await add(patientOf(clinicId, { dataSources: [{ providerName: 'a.b $c', state: 'connected' }] }));
    await add(patientOf(clinicId, { dataSources: [{ providerName: 'twiist', state: 'error' }] }));
    expect(await drift(clinicId)).toEqual([]);
    expect(await readCounts(models, clinicId)).toMatchObject({
      total: 4,
      demo: 1,
      plan: 2,
      tags: { [tag.toHexString()]: 1 },
      providers: { 'a.b $c': { total: 1, states: { connected: 1 } } },
    });
    await inTransaction(connection, async (session) => {
      const before = await findPatient(models, clinicId, patient.userId, session);
      if (!before) throw new Error('it was just added');
      const after = await changePatient({ models, session, isDemo }, before, { tags: [], email: 'pat@example.test' });
      expect(after.searchText).toContain('pat@example.test');
      await removePatient({ models, session, isDemo }, after, 'test');
    });
    expect(await drift(clinicId)).toEqual([]);
    expect(await readCounts(models, clinicId)).toMatchObject({ total: 3, plan: 1, sites: { [site.toHexString()]: 0 } });
  });

  test('that were written past them are found and repaired, while others go on writing', async () => {
    const clinicId = newObjectId();
    await add(patientOf(clinicId, { tags: [tag] }));
    await models.patients.collection.insertOne(patientOf(clinicId, { tags: [tag] }));
    const found = [
      { figure: 'total', kept: 1, counted: 2 },
      { figure: 'plan', kept: 1, counted: 2 },
      { figure: `tags.${tag.toHexString()}`, kept: 1, counted: 2 },
      { figure: 'lists', kept: 1, counted: 2 },
    ];
    expect(await drift(clinicId)).toEqual(found);
    const writers = Array.from({ length: 10 }, () => add(patientOf(clinicId, { tags: [tag] })));
    await Promise.all([...writers, repairCounts(recounting, clinicId), repairCounts(recounting, clinicId)]);
    expect(await drift(clinicId)).toEqual([]);
    expect(await readCounts(models, clinicId)).toMatchObject({ total: 12, plan: 12 });
  });

  test('of a clinic without patients are nothing, and stay so', async () => {
    const clinicId = newObjectId();
    expect([...(await repairCounts(recounting, clinicId))]).toEqual([]);
    expect(await drift(clinicId)).toEqual([]);
  });
});
