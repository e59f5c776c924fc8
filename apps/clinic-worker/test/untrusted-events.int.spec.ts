import { mongo, Types } from 'mongoose';
import { eventually } from '@caregate/eventually';
import { type PatientDocument, searchFields } from '@caregate/clinic-model';
import { mailsTo, newUserId, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

/** Who can write to the topics can make events up; what they say is believed of nobody. */
describeWithServers('a worker that is given forged events', () => {
  const shard = new TestShard();

  beforeAll(async () => {
    await shard.start();
    await shard.worker();
  }, 60_000);
  afterAll(() => shard.stop(), 60_000);

  let ordinal = 0;
  async function forge(topic: string, coll: string, _id: Types.ObjectId, fields: object): Promise<void> {
    ordinal += 1;
    const event = {
      _id: { _data: `82FFFFFFFF${String(ordinal).padStart(8, '0')}` },
      operationType: 'insert',
      clusterTime: new mongo.Timestamp({ t: Math.floor(Date.now() / 1000), i: ordinal }),
      ns: { db: 'x', coll },
      documentKey: { _id },
      fullDocument: { _id, ...fields },
    };
    const value = mongo.BSON.EJSON.stringify(event, { relaxed: false });
    await shard.producer.send({ topic: `${shard.prefix}.${topic}`, messages: [{ key: _id.toHexString(), value }] });
  }

  it('mails nobody who is in no record, and nothing that the record does not say', async () => {
    const [victim, own] = [randomAddress(), randomAddress()];
    const user = await shard.user('Mara Lindqvist');
    const clinicId = await shard.clinic('Harbour', [user.userId]);
    await eventually(async () => (await mailsTo(user.email)).length === 1);
    const now = new Date();
    const known = { fullName: 'Ines Okafor', birthDate: '1990-02-03', email: own };
    const patient: PatientDocument = {
      ...{ _id: new Types.ObjectId(), clinicId, userId: newUserId(), permissions: { view: {} }, tags: [], sites: [] },
      ...{ ...known, ...searchFields(known), createdTime: now, updatedTime: now },
    };
    await shard.models.patients.collection.insertOne(patient);
    const lie = {
      ...{ clinicId, userId: newUserId(), email: victim, fullName: 'Call 555 0100', isMigrated: false },
      ...{ permissions: { custodian: {} }, lastUploadReminderTime: now, birthDate: '1990-01-01' },
      connectionRequests: { dexcom: [{ providerName: 'dexcom', createdTime: now }] },
    };
    const invite = { clinicId, email: victim, inviteId: 'x', invitedBy: user.userId, inviteSentTime: now, roles: [] };
    const [noPatient, noInvite, noClinic] = [new Types.ObjectId(), new Types.ObjectId(), new Types.ObjectId()];
    await forge('patients', 'patients', patient._id, lie);
    await forge('patients', 'patients', noPatient, lie);
    await forge('clinicians', 'clinicians', noInvite, invite);
    await forge('clinics', 'clinics', noClinic, { name: 'Call 555 0100', admins: [user.userId] });
    await forge('clinics', 'clinics', clinicId, { name: 'Call 555 0100', admins: [user.userId] });
    const handled = [
      ...[patient._id, noPatient].map((_id) => `custodial_account_created|${_id.toHexString()}`),
      `clinician_invitation|${noInvite.toHexString()}`,
      `clinic_created|${noClinic.toHexString()}`,
    ];
    await eventually(async () => {
      const which = { lane: { $in: handled }, state: 'done' };
      return (await shard.connection.collection('reactions').countDocuments(which)) === handled.length;
    });
    await eventually(async () => (await shard.connection.collection('reactions').countDocuments({ open: true })) === 0);
    expect(await mailsTo(victim)).toEqual([]);
    expect(await mailsTo(own)).toEqual([]);
    expect(await mailsTo(user.email)).toHaveLength(1);
  });
});
