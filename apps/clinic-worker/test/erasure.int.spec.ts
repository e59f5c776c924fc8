import { eventually } from '@caregate/eventually';
import {
  assertUserStays,
  insertPatient,
  type PatientDocument,
  removePatient,
  searchFields,
  type UserId,
} from '@caregate/clinic-model';
import { REACTIONS } from '@caregate/change-events';
import { inTransaction } from '@caregate/service';
import { randomBytes } from 'node:crypto';
import { Types } from 'mongoose';
import { randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;
const CUSTODIAL = { custodian: {}, view: {}, upload: {}, note: {} };

describeWithServers('who is deleted, through MongoDB, Kafka Connect and Kafka', () => {
  const shard = new TestShard();
  const { models } = shard;

  beforeAll(async () => {
    await shard.start();
    await shard.worker();
  }, 180_000);
  afterAll(() => shard.stop(), 60_000);

  const users = () => shard.connection.collection<{ _id: string; email?: string }>('users');
  const account = (userId: string) => users().findOne({ _id: userId });

  const change = <T>(work: (writes: Parameters<typeof insertPatient>[0]) => Promise<T>) =>
    inTransaction(shard.connection, (session) => work({ models, session, isDemo: () => false }));

  /** A person whom a clinic looks after, with a value of their own in every field. */
  async function custodial(clinicId: Types.ObjectId) {
    const mark = randomBytes(6).toString('hex');
    const person = { fullName: `Pat ${mark}`, birthDate: '1904-03-07', email: randomAddress(), mrn: `mrn-${mark}` };
    const { userId } = await shard.identity.createCustodialUser(clinicId.toHexString(), person);
    await shard.identity.saveProfile(userId, { fullName: person.fullName, patient: { mrn: person.mrn } });
    const patient = patientOf(clinicId, userId, person);
    await change((writes) => insertPatient(writes, patient));
    return { userId, patient, mark, email: person.email };
  }

  const patientOf = (
    clinicId: Types.ObjectId,
    userId: UserId,
    person: Pick<PatientDocument, 'fullName' | 'birthDate'>,
    permissions: PatientDocument['permissions'] = CUSTODIAL,
  ): PatientDocument => ({
    ...person,
    ...{ _id: new Types.ObjectId(), clinicId, userId, permissions, tags: [], sites: [] },
    ...searchFields(person),
    ...{ createdTime: new Date(), updatedTime: new Date() },
  });

  const remove = (patient: PatientDocument) => change((writes) => removePatient(writes, patient, 'user:test'));

  /** What the reactions to the removal of a patient say, once as many of them are done. */
  const notes = async (userId: UserId, count: number) => {
    const archives = await models.patientArchives.find({ userId }, { _id: 1 }).lean();
    const lanes = archives.map(({ _id }) => `end_custodial_account|${_id.toHexString()}`);
    return eventually(async () => {
      const done = await shard.connection
        .collection(REACTIONS)
        .find({ lane: { $in: lanes }, state: 'done' })
        .sort({ endedTime: 1 })
        .toArray();
      return done.length === count ? done.map(({ note }) => String(note)) : undefined;
    });
  };

  it('a custodial patient’s account goes with the patient, and nothing of the person stays but ids', async () => {
    const clinicId = await shard.clinic('Harbour', []);
    const { userId, patient, mark, email } = await custodial(clinicId);
    await remove(patient);
    expect(await notes(userId, 1)).toEqual(['ended']);
    expect(await account(userId)).toBeNull();
    expect((await shard.identity.createCustodialUser(clinicId.toHexString(), { email })).email).toBe(email);
    for (const name of ['patients', 'patients_deletions', 'users', 'unused_accounts', REACTIONS]) {
      const kept = JSON.stringify(await shard.connection.collection(name).find({}).toArray());
      expect(kept).not.toContain(mark);
    }
    expect(await models.patientArchives.findOne({ userId }).lean()).toEqual({
      ...{ _id: expect.anything(), documentId: patient._id, clinicId, userId, custodial: 'without data' },
      ...{ deletedTime: expect.any(Date), deletedBy: 'user:test' },
    });
  });

  it('an account that another clinic needs stays until that clinic removes the patient too', async () => {
    const [one, two] = [await shard.clinic('One', []), await shard.clinic('Two', [])];
    const { userId, patient, email } = await custodial(one);
    const there = patientOf(two, userId, patient, { view: {} });
    await change((writes) => insertPatient(writes, there));
    await remove(patient);
    expect(await notes(userId, 1)).toEqual(['a clinic or account needs the user']);
    expect(await account(userId)).toMatchObject({ email });
    await remove(there);
    expect((await notes(userId, 2))[1]).toBe('ended');
    expect(await account(userId)).toBeNull();
  });

  it('an account that the person has claimed stays theirs', async () => {
    const { userId, patient, email } = await custodial(await shard.clinic('Harbour', []));
    await users().updateOne({ _id: userId }, { $set: { passwordHash: 'claimed' } });
    await remove(patient);
    expect(await notes(userId, 1)).toEqual(['claimed']);
    expect(await account(userId)).toMatchObject({ email });
  });

  it('an archive of an earlier version loses what it says of the person, and the account ends then', async () => {
    const clinicId = await shard.clinic('Harbour', []);
    const { userId, patient, mark } = await custodial(clinicId);
    await models.patients.deleteOne({ _id: patient._id });
    await shard.connection
      .collection('patients_deletions')
      .insertOne({ document: patient, deletedTime: new Date(), deletedBy: 'user:test' });
    await shard.worker(); // as it starts after the upgrade
    expect(await notesOnce(userId)).toBe('ended');
    expect(await account(userId)).toBeNull();
    const kept = await models.patientArchives.findOne({ userId }).lean();
    expect(kept).toMatchObject({ documentId: patient._id, clinicId, userId, deletedBy: 'user:test' });
    expect(JSON.stringify(kept)).not.toContain(mark);
  });

  const notesOnce = async (userId: UserId) => {
    await eventually(() => models.patientArchives.exists({ userId }));
    return (await notes(userId, 1))[0];
  };

  it('of the removal and an addition elsewhere at the same moment one comes first: no patient without a user', async () => {
    const [one, two] = [await shard.clinic('One', []), await shard.clinic('Two', [])];
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const { userId, patient } = await custodial(one);
        const added = (async () => {
          if (!(await shard.identity.findUser(userId))) return;
          await change(async (writes) => {
            await assertUserStays(writes, userId);
            await insertPatient(writes, patientOf(two, userId, patient, { view: {} }));
          });
        })().catch((error: Error) => expect(error.message).toMatch(/has ended|is just being ended/));
        await Promise.all([remove(patient), added]);
        await notes(userId, 1);
        return { needed: (await models.patients.exists({ userId })) !== null, user: await account(userId) };
      }),
    );
    for (const { needed, user } of outcomes) expect(user !== null).toBe(needed);
  });

  it('a user who is deleted while a clinic adds them is a patient nowhere, also when told twice', async () => {
    const clinicId = await shard.clinic('Harbour', []);
    const user = await shard.user('Pat');
    const entered = Promise.withResolvers<void>();
    const deleted = Promise.withResolvers<void>();
    const adding = change(async (writes) => {
      await assertUserStays(writes, user.userId);
      entered.resolve();
      await deleted.promise;
      await insertPatient(
        writes,
        patientOf(clinicId, user.userId, { fullName: 'Pat', birthDate: '1904-03-07' }, { view: {} }),
      );
    });
    await entered.promise;
    const message = {
      key: user.userId,
      value: JSON.stringify({
        ...{ specversion: '1.0', id: randomBytes(4).toString('hex'), source: 'test', type: 'users:delete' },
        data: { userid: user.userId },
      }),
    };
    await shard.producer.send({ topic: shard.userEventsTopic, messages: [message, message] });
    const forgetting = { reaction: 'forget_user_records', lane: `forget_user_records|${user.userId}` };
    await eventually(() => shard.connection.collection(REACTIONS).findOne(forgetting));
    deleted.resolve();
    await adding.catch((error: Error) => expect(error.message).toMatch(/has ended/));
    await eventually(() => shard.connection.collection(REACTIONS).findOne({ ...forgetting, state: 'done' }));
    expect(await models.patients.countDocuments({ userId: user.userId })).toBe(0);
    const late = change((writes) => assertUserStays(writes, user.userId));
    await expect(late).rejects.toThrow('user not found: the account has ended');
  });

  it('an account that a clinic made and never used ends after a week', async () => {
    const clinicId = await shard.clinic('Harbour', []);
    const email = randomAddress();
    const [old, young] = [
      await shard.identity.createCustodialUser(clinicId.toHexString(), { email }),
      await shard.identity.createCustodialUser(clinicId.toHexString(), {}),
    ];
    await models.unusedAccounts.insertMany([
      { _id: old.userId, clinicId, email, createdTime: new Date(Date.now() - 8 * 86_400_000) },
      { _id: young.userId, clinicId, email: randomAddress(), createdTime: new Date() },
    ]);
    await shard.worker();
    await eventually(async () => !(await models.unusedAccounts.exists({ _id: old.userId })));
    expect(await account(old.userId)).toBeNull();
    expect(await account(young.userId)).not.toBeNull();
    expect(await models.unusedAccounts.exists({ _id: young.userId })).not.toBeNull();
  });

  it('believes of an event only which archive it names', async () => {
    const { userId } = await custodial(await shard.clinic('Harbour', []));
    const _id = new Types.ObjectId();
    const id = { $oid: _id.toHexString() };
    const forged = {
      ...{
        _id: { _data: randomBytes(8).toString('hex') },
        operationType: 'insert',
        ns: { db: 'x', coll: 'patients_deletions' },
      },
      ...{ documentKey: { _id: id }, fullDocument: { _id: id, userId, documentId: id, custodial: 'without data' } },
    };
    const topic = `${shard.prefix}.patient-archives`;
    await shard.producer.send({ topic, messages: [{ key: _id.toHexString(), value: JSON.stringify(forged) }] });
    const lane = `end_custodial_account|${_id.toHexString()}`;
    const done = await eventually(() => shard.connection.collection(REACTIONS).findOne({ lane, state: 'done' }));
    expect(done['note']).toBe('no patient was deleted');
    expect(await account(userId)).not.toBeNull();
  });
});
