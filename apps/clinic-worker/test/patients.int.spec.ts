import { eventually } from '@caregate/eventually';
import { assignTag, type PatientDocument, readCounts, searchFields } from '@caregate/clinic-model';
import { hashPassword } from '@caregate/identity';
import { inTransaction } from '@caregate/service';
import { Types } from 'mongoose';
import { mailsTo, newUserId, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('what happens to patients and invites, through MongoDB, Kafka Connect, Kafka and SMTP', () => {
  const shard = new TestShard();
  let clinicId: Types.ObjectId;
  let admin: { userId: string; email: string };

  beforeAll(async () => {
    await shard.start();
    await shard.worker();
    const user = await shard.user('Mara Lindqvist');
    admin = user;
    clinicId = await shard.clinic('Harbour', [user.userId]);
  }, 60_000);
  afterAll(() => shard.stop(), 60_000);

  async function patient(fields: Partial<PatientDocument>): Promise<PatientDocument> {
    const now = new Date();
    const known = { fullName: 'Ines Okafor', birthDate: '1990-02-03', ...fields };
    const document: PatientDocument = {
      ...{ _id: new Types.ObjectId(), clinicId, userId: newUserId(), permissions: { view: {} }, tags: [], sites: [] },
      ...{ ...known, ...searchFields(known), createdTime: now, updatedTime: now },
    };
    await shard.models.patients.collection.insertOne(document);
    return document;
  }

  const custodial = async (fields: Partial<PatientDocument> = {}) => {
    const { userId } = await shard.identity.createCustodialUser(clinicId.toHexString(), {});
    return patient({ userId, permissions: { custodian: {}, view: {}, upload: {}, note: {} }, ...fields });
  };
  const change = (_id: Types.ObjectId, fields: object) =>
    shard.models.patients.collection.updateOne({ _id }, { $set: fields });
  const arrived = (address: string, count = 1) =>
    eventually(async () => ((await mailsTo(address)).length >= count ? mailsTo(address) : undefined));

  it('invites a custodial patient to claim the account, again at a new address, and writes the profile back', async () => {
    const [first, second, migrated] = [randomAddress(), randomAddress(), randomAddress()];
    await custodial({ email: migrated, isMigrated: true });
    const { _id, userId } = await custodial({
      email: first,
      mrn: 'M1',
      targetDevices: ['dexcom'],
      diagnosisType: 'type1',
    });
    const [mail] = await arrived(first);
    expect(mail).toMatchObject({ subject: 'An account was created for you by the clinic “Harbour”' });
    expect(mail?.text).toContain(`https://app.au1.localhost/claim/${userId}`);
    const profile = {
      fullName: 'Ines Okafor',
      patient: { birthday: '1990-02-03', mrn: 'M1', email: first, targetDevices: ['dexcom'], diagnosisType: 'type1' },
    };
    await eventually(async () => (await shard.identity.profile(userId))?.patient?.mrn === 'M1');
    expect(await shard.identity.profile(userId)).toMatchObject(profile);
    await change(_id, { fullName: 'Ines Adeyemi' });
    await eventually(async () => (await shard.identity.profile(userId))?.fullName === 'Ines Adeyemi');
    await change(_id, { email: second });
    await arrived(second);
    expect(await mailsTo(first)).toHaveLength(1);
    await arrived(migrated);
    expect(await mailsTo(migrated)).toHaveLength(1);
    await shard.models.patients.collection.updateOne({ _id }, { $unset: { diagnosisType: 1 } });
    await eventually(async () => !('diagnosisType' in ((await shard.identity.profile(userId))?.patient ?? {})));
  });

  it('leaves the profile of whoever has claimed their account as it is', async () => {
    const email = randomAddress();
    const { userId } = await shard.identity.createCustodialUser(clinicId.toHexString(), { email });
    const { _id } = await custodial({ userId, email });
    const told = (times: number) =>
      eventually(async () => {
        const lane = { $regex: `^save_custodial_profile\\|.*${_id}$` };
        return (await shard.connection.collection('reactions').countDocuments({ lane, state: 'done' })) === times;
      });
    await told(1);
    expect((await shard.identity.profile(userId))?.fullName).toBe('Ines Okafor');
    await arrived(email);
    const owner = { email, fullName: 'Ines Herself', passwordHash: await hashPassword('chosen at sign-up') };
    await shard.identity.confirmOwner(owner, 'chosen at sign-up', '10.0.0.1');
    const another = randomAddress();
    await change(_id, { fullName: 'Renamed By A Clinic', email: another });
    await told(2);
    await eventually(
      async () =>
        (await shard.connection
          .collection('reactions')
          .countDocuments({ lane: { $regex: `^custodial_account_created\\|.*${_id}$` }, state: 'done' })) === 2,
    );
    expect(await mailsTo(another)).toHaveLength(0);
    expect((await shard.identity.profile(userId))?.fullName).toBe('Ines Herself');
  });

  it('reminds a patient to upload, once for each reminder', async () => {
    const email = randomAddress();
    const { _id } = await patient({ email });
    await change(_id, { lastUploadReminderTime: new Date() });
    await arrived(email);
    await change(_id, { fullName: 'Somebody Else' });
    await change(_id, { lastUploadReminderTime: new Date() });
    const mails = await arrived(email, 2);
    expect(mails.map(({ subject }) => subject)).toEqual([
      'Please upload your data for the clinic “Harbour”',
      'Please upload your data for the clinic “Harbour”',
    ]);
  });

  it('asks a patient to connect, to claim first, or to connect again', async () => {
    const [own, claimed, again] = [randomAddress(), randomAddress(), randomAddress()];
    const requests = { connectionRequests: { dexcom: [{ providerName: 'dexcom', createdTime: new Date() }] } };
    const ended = { dataSources: [{ providerName: 'dexcom', state: 'error' }] };
    for (const { _id } of [
      await patient({ email: own }),
      await custodial({ email: claimed }),
      await patient({ email: again, ...ended }),
    ]) {
      await change(_id, requests);
    }
    expect((await arrived(own))[0]?.text).toContain('Connect Dexcom:\nhttps://app.au1.localhost/connect/dexcom');
    const custodialMails = await arrived(claimed, 2);
    expect(custodialMails.map(({ subject }) => subject)).toContain(
      'Please connect your Dexcom account for the clinic “Harbour”',
    );
    expect((await arrived(again))[0]?.subject).toBe('Please connect your Dexcom account again');
  });

  it('takes a deleted tag from all patients, and counts it out', async () => {
    const [kept, deleted] = [new Types.ObjectId(), new Types.ObjectId()];
    const patientTags = [
      { _id: kept, name: 'Kept' },
      { _id: deleted, name: 'Deleted' },
    ];
    await shard.models.clinics.collection.updateOne({ _id: clinicId }, { $set: { patientTags } });
    const { _id } = await patient({});
    await inTransaction(shard.connection, async (session) => {
      for (const tag of [kept, deleted]) await assignTag({ models: shard.models, session, clinicId }, tag);
    });
    await shard.models.clinics.collection.updateOne(
      { _id: clinicId },
      { $set: { patientTags: patientTags.slice(0, 1) } },
    );
    await eventually(async () => (await shard.models.patients.countDocuments({ clinicId, tags: deleted })) === 0);
    expect((await shard.models.patients.findOne({ _id }).lean())?.tags.map(String)).toEqual([kept.toHexString()]);
    const { tags } = await readCounts(shard.models, clinicId);
    expect(tags[deleted.toHexString()] ?? 0).toBe(0);
    expect(tags[kept.toHexString()]).toBeGreaterThan(0);
  });

  it('tells the admins that a patient wants to share, unless the clinic does not want to be told', async () => {
    const user = await shard.user('Ines Okafor');
    const quiet = await shard.user('Quiet Admin');
    const quietClinic = await shard.clinic('Quiet', [quiet.userId]);
    await shard.models.clinics.collection.updateOne(
      { _id: quietClinic },
      { $set: { suppressedNotifications: { patientClinicInvitation: true } } },
    );
    for (const each of [quietClinic, clinicId]) {
      await shard.models.patientInvites.collection.insertOne({
        clinicId: each,
        userId: user.userId,
        permissions: { view: {} },
        createdTime: new Date(),
      });
    }
    const mails = await eventually(
      async () => (await mailsTo(admin.email)).filter(({ subject }) => subject.startsWith('A patient'))[0],
    );
    expect(mails.text).toContain('the patient “Ines Okafor” wants to share their data with the clinic “Harbour”.');
    expect((await mailsTo(quiet.email)).filter(({ subject }) => subject.startsWith('A patient'))).toEqual([]);
  });
});
