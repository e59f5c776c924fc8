import { eventually } from '@caregate/eventually';
import { randomUUID } from 'node:crypto';
import {
  announced,
  type MigrationDocument,
  newNotice,
  type PatientDocument,
  readCounts,
  type UserId,
} from '@caregate/clinic-model';
import { REACTIONS } from '@caregate/change-events';
import { Types } from 'mongoose';
import { mailsTo, newUserId, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('the migration of a legacy clinic, through MongoDB, Kafka Connect, Kafka and SMTP', () => {
  const shard = new TestShard();
  beforeAll(() => shard.start(), 60_000);
  afterAll(() => shard.stop(), 60_000);

  /** A legacy clinic account with whom `count` patients share. */
  async function legacyClinic(count: number) {
    const owner = await shard.user('Mara Lindqvist');
    await shard.identity.updateUser(owner.userId, { roles: ['clinic', 'clinician'] });
    const patients = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const user = await shard.user(`Patient ${n}`);
        await shard.identity.saveProfile(user.userId, {
          fullName: `Patient ${n}`,
          patient: { birthday: '1990-02-03', mrn: `M${n}` },
        });
        await shard.identity.setSharing(user.userId, owner.userId, { view: {}, note: {} });
        return user;
      }),
    );
    return { owner, patients, clinicId: await shard.clinic('Harbour', []) };
  }

  async function request(clinicId: Types.ObjectId, userId: UserId): Promise<Types.ObjectId> {
    const now = new Date();
    const migration: MigrationDocument = {
      _id: new Types.ObjectId(),
      clinicId,
      userId,
      status: 'PENDING',
      createdTime: now,
      updatedTime: now,
    };
    await shard.models.migrations.collection.insertOne(migration);
    return migration._id;
  }

  const isOf = (user: { userId: UserId }) => (patient: PatientDocument) => patient.userId === user.userId;
  const migrationOf = (_id: Types.ObjectId) => shard.models.migrations.findOne({ _id }).lean<MigrationDocument>();
  const completed = (_id: Types.ObjectId) => eventually(async () => (await migrationOf(_id))?.status === 'COMPLETED');

  it('brings all patients, tells each of them and the owner, and says who could not be brought', async () => {
    const worker = await shard.worker();
    const { owner, patients, clinicId } = await legacyClinic(3);
    const nameless = await shard.user('');
    await shard.identity.setSharing(nameless.userId, owner.userId, { view: {} });
    const namesake = await shard.user('Patient 0');
    await shard.identity.saveProfile(namesake.userId, { patient: { birthday: '1990-02-03', mrn: 'M0' } });
    await shard.identity.setSharing(namesake.userId, owner.userId, { view: {} });
    await shard.models.clinics.collection.updateOne(
      { _id: clinicId },
      { $set: { mrnSettings: { required: false, unique: true } } },
    );
    const _id = await request(clinicId, owner.userId);
    await completed(_id);
    const found = await shard.models.patients.find({ clinicId }).lean<PatientDocument[]>();
    const { skipped: [skipped] = [] } = (await migrationOf(_id))?.progress ?? {};
    const [bare, documents] = [found.filter(isOf(nameless)), found.filter((each) => !isOf(nameless)(each))];
    expect(bare).toMatchObject([{ fullName: nameless.email, birthDate: '', isMigrated: true }]);
    const withMrns = [...patients, namesake].map(({ userId }) => userId);
    expect([...documents.map(({ userId }) => userId), skipped?.userId].sort()).toEqual(withMrns.sort());
    for (const document of documents) {
      expect(document).toMatchObject({
        isMigrated: true,
        legacyClinicianIds: [owner.userId],
        permissions: { view: {}, note: {} },
      });
    }
    expect(await readCounts(shard.models, clinicId)).toMatchObject({ total: 4 });
    expect([...(await shard.identity.sharesWith(owner.userId)).keys()]).toEqual([skipped?.userId]);
    expect((await shard.identity.findUser(owner.userId))?.roles).toEqual(['clinician']);
    expect((await migrationOf(_id))?.progress).toMatchObject({
      ...{ total: 5, done: 4 },
      skipped: [{ reason: 'another patient of the clinic has this MRN' }],
      incomplete: [{ userId: nameless.userId, fields: ['fullName', 'birthDate'] }],
    });
    for (const { userId, email } of [...patients, nameless].filter((each) => each.userId !== skipped?.userId))
      expect([userId, await mailsTo(email)]).toEqual([userId, [expect.anything()]]);
    await eventually(async () => (await mailsTo(owner.email)).length > 0);
    expect(await mailsTo(owner.email)).toMatchObject([
      {
        subject: 'Patients have moved to the clinic “Harbour”',
        text: expect.stringMatching(
          /Not moved: 1\..*another patient of the clinic has this MRN \(1\)[^]*Of 1 of the moved/,
        ),
      },
    ]);
    await worker.close();
  });

  it('goes on where it stopped, without a second email to anyone', async () => {
    const { owner, patients, clinicId } = await legacyClinic(12);
    const slow = { MIGRATION_PER_SECOND: '4', MIGRATION_PARALLEL: '1', LEASE_SECONDS: '2' };
    const first = await shard.process(slow);
    const _id = await request(clinicId, owner.userId);
    await eventually(async () => ((await migrationOf(_id))?.progress?.done ?? 0) >= 3);
    await first.kill('SIGKILL');
    const before = (await migrationOf(_id))?.progress;
    expect(before?.done).toBeLessThan(12);
    await shard.worker(slow);
    await completed(_id);
    expect(await shard.models.patients.countDocuments({ clinicId })).toBe(12);
    expect((await migrationOf(_id))?.progress).toEqual({
      ...{ total: 12, done: 12, skipped: [], reasons: {}, incomplete: [], incompleteCount: 0 },
    });
    await eventually(async () => (await mailsTo(owner.email)).length > 0);
    for (const { email } of [...patients, owner]) expect(await mailsTo(email)).toHaveLength(1);
  });

  it('keeps no move of the account waiting, and goes on when the account stays', async () => {
    const { owner, patients, clinicId } = await legacyClinic(6);
    const accounts = shard.connection.collection<{ _id: string }>('accounts');
    const _id = randomUUID();
    const account = { subdomain: `s-${_id}`, name: 'Harbour', ownerUserId: owner.userId, state: 'active' };
    await accounts.insertOne({ _id, ...account, ...{ createdTime: new Date() } });
    await shard.models.clinics.collection.updateOne({ _id: clinicId }, { $set: { accountId: _id } });
    await shard.worker({ MIGRATION_PER_SECOND: '2', MIGRATION_PARALLEL: '1' });
    const migrationId = await request(clinicId, owner.userId);
    await eventually(async () => ((await migrationOf(migrationId))?.progress?.done ?? 0) >= 1);

    // Workers that the tests before have killed are waited for, for two minutes.
    await shard.connection.collection('writers').deleteMany({ seen: { $lt: new Date(Date.now() - 5_000) } });
    const fence = { id: 'f', moveId: 'm', until: new Date(Date.now() + 60_000) };
    const { id, update } = newNotice();
    await accounts.updateOne({ _id }, { ...update, $set: { ...update.$set, fence } });
    // All copies of the worker have stopped writing, long before the migration would have ended.
    expect(await announced(shard.connection, id, 10_000)).toBe(true);
    const admitted = await shard.models.patients.countDocuments({ clinicId });
    expect(admitted).toBeLessThan(patients.length);
    await eventually(async () => (await migrationFailures(migrationId)) > 0);
    expect(await shard.models.patients.countDocuments({ clinicId })).toBe(admitted);

    const lifted = newNotice();
    await accounts.updateOne({ _id }, { ...lifted.update, $unset: { fence: 1 } });
    await completed(migrationId);
    expect(await shard.models.patients.countDocuments({ clinicId })).toBe(patients.length);
    for (const { email } of patients) expect(await mailsTo(email)).toHaveLength(1);
  });

  /** How often the migration was put off, because something that it needs was away. */
  const migrationFailures = async (_id: Types.ObjectId): Promise<number> => {
    const lane = `migrate_legacy_clinic|${_id.toHexString()}`;
    return (await shard.connection.collection(REACTIONS).findOne({ lane }))?.['awayAttempts'] ?? 0;
  };

  it('notes on a patient who is there already that they come from one more clinician', async () => {
    const { owner, patients, clinicId } = await legacyClinic(1);
    const [patient] = patients;
    const first = await request(clinicId, owner.userId);
    await completed(first);
    const second = await shard.user('Second Legacy');
    await shard.identity.setSharing(patient?.userId ?? newUserId(), second.userId, { view: {} });
    await completed(await request(clinicId, second.userId));
    const documents = await shard.models.patients.find({ clinicId }).lean();
    expect(documents).toMatchObject([{ legacyClinicianIds: [owner.userId, second.userId] }]);
    expect(await mailsTo(patient?.email ?? '')).toHaveLength(1);
  });
});
