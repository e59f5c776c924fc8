import { eventually } from '@caregate/eventually';
import { CloudEvent, Kafka as CloudEvents, type KafkaEvent } from 'cloudevents';
import { addToCounts, countsDelta, readCounts } from '@caregate/clinic-model';
import { DeadLetters, REACTIONS } from '@caregate/change-events';
import { LinkSecrets } from '@caregate/identity';
import { Types } from 'mongoose';
import { SMTPServer } from 'smtp-server';
import { envelopesTo, mailsTo, newUserId, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('the worker, through MongoDB, Kafka Connect, Kafka and SMTP', () => {
  const shard = new TestShard();
  let worker: Awaited<ReturnType<TestShard['worker']>>;

  beforeAll(async () => {
    await shard.start();
    worker = await shard.worker();
  }, 60_000);
  afterAll(() => shard.stop(), 60_000);

  const publishUserEvent = async (type: string, userId: string, data: object, mode: 'structured' | 'binary') => {
    const event = new CloudEvent({ type, source: 'shoreline', data: { userid: userId, ...data } });
    const { headers, body } = CloudEvents[mode](event as unknown as KafkaEvent<unknown>); // only the partition key is missing, given below
    const value = typeof body === 'string' ? body : JSON.stringify(body);
    const texts = Object.fromEntries(
      Object.entries(headers).flatMap(([name, header]) => (header === undefined ? [] : [[name, String(header)]])),
    );
    const message = { key: userId, value, headers: texts };
    await shard.producer.send({ topic: shard.userEventsTopic, messages: [message] });
    return message;
  };

  it('welcomes the first admin of a new clinic, once', async () => {
    const [first, second] = [await shard.user('Mara <b>Lindqvist</b>'), await shard.user('Jon Ferreira')];
    const clinicId = await shard.clinic('Harbour & Sons', [first.userId, second.userId]);
    const [mail] = await eventually(async () =>
      (await mailsTo(first.email)).length > 0 ? mailsTo(first.email) : undefined,
    );
    expect(mail).toMatchObject({ subject: 'Your clinic “Harbour & Sons” is ready on Caregate' });
    expect(mail?.text).toContain(`https://app.au1.localhost/clinics/${clinicId.toHexString()}`);
    expect(mail?.html).toContain('Mara &lt;b&gt;Lindqvist&lt;/b&gt;');
    await shard.models.clinics.updateOne({ _id: clinicId }, { $set: { name: 'Renamed' } });
    const later = await shard.user('Later');
    await shard.clinic('Later', [later.userId]);
    await eventually(async () => (await mailsTo(later.email)).length > 0);
    expect(await mailsTo(first.email)).toHaveLength(1);
    expect(await mailsTo(second.email)).toHaveLength(0);
  });

  it('tells a clinician of each change of their roles, and by whom it was made', async () => {
    const [admin, clinician] = [await shard.user('Mara Lindqvist'), await shard.user('Jon Ferreira')];
    const clinicId = await shard.clinic('Harbour', [admin.userId]);
    const _id = await shard.clinician(clinicId, clinician, 'CLINIC_MEMBER');
    const change = async (role: 'CLINIC_ADMIN' | 'CLINIC_MEMBER', updatedBy: string) => {
      const before = await shard.models.clinicians.collection.findOne({ _id });
      const rolesUpdates = [...(before?.['rolesUpdates'] ?? []), { roles: [role], updatedBy, time: new Date() }];
      await shard.models.clinicians.collection.replaceOne({ _id }, { ...before, roles: [role], rolesUpdates });
    };
    await change('CLINIC_ADMIN', admin.userId);
    await change('CLINIC_MEMBER', 'some-service');
    await shard.models.clinicians.updateOne({ _id }, { $set: { name: 'Other' } });
    const mails = await eventually(async () =>
      (await mailsTo(clinician.email)).length === 2 ? mailsTo(clinician.email) : undefined,
    );
    expect(mails[0]?.subject).toBe('Your permissions at the clinic “Harbour” have changed');
    expect(mails[0]?.text).toContain(
      'your permissions at the clinic “Harbour” were changed by “Mara Lindqvist”. You are now an administrator there.',
    );
    expect(mails[1]?.text).toContain(
      'your permissions at the clinic “Harbour” were changed by an administrator. You are now a member there.',
    );
  });

  it('sends an invite to a clinician, again when it is to be sent again, and none that another service made', async () => {
    const [admin, invited] = [await shard.user('Mara Lindqvist'), await shard.user('Jon Ferreira')];
    const clinicId = await shard.clinic('Harbour', [admin.userId]);
    const inviteId = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
    const now = new Date();
    const fields = { clinicId, roles: ['CLINIC_MEMBER'], rolesUpdates: [], createdTime: now, updatedTime: now };
    const foreign = await shard.user('Other');
    await shard.models.clinicians.collection.insertMany([
      { ...fields, email: foreign.email, inviteId: 'foreign' },
      { ...fields, email: invited.email, inviteId, invitedBy: admin.userId, inviteSentTime: now },
    ]);
    const [mail] = await eventually(async () =>
      (await mailsTo(invited.email)).length === 1 ? mailsTo(invited.email) : undefined,
    );
    expect(mail?.subject).toBe('You are invited to the clinic “Harbour”');
    expect(mail?.text).toContain('you are invited by “Mara Lindqvist” to join the clinic “Harbour” as a member.');
    const secret = new LinkSecrets('au1', [shard.secret]).secretOf('clinician invite', inviteId);
    expect(mail?.text).toContain(`/invites/${inviteId}#${secret}`);
    await shard.models.clinicians.updateOne({ clinicId, inviteId }, { $set: { updatedTime: new Date() } });
    await shard.models.clinicians.updateOne({ clinicId, inviteId }, { $set: { inviteSentTime: new Date() } });
    await eventually(async () => (await mailsTo(invited.email)).length === 2);
    expect(await mailsTo(foreign.email)).toHaveLength(0);
  });

  it('sends an invite to the one address, whatever the clinic and who invites call themselves', async () => {
    const thief = randomAddress();
    const hostile = `Harbour\r\nBcc: ${thief}\r\n\r\n{{7}}<b>, <${thief}>`;
    const [admin, invited] = [await shard.user(hostile), await shard.user('Jon Ferreira')];
    const clinicId = await shard.clinic(hostile, [admin.userId]);
    const now = new Date();
    await shard.models.clinicians.collection.insertOne({
      ...{
        _id: new Types.ObjectId(),
        clinicId,
        email: invited.email,
        inviteId: 'a'.repeat(32),
        invitedBy: admin.userId,
      },
      ...{ inviteSentTime: now, roles: ['CLINIC_MEMBER'], rolesUpdates: [], createdTime: now, updatedTime: now },
    });
    const [mail] = await eventually(async () =>
      (await mailsTo(invited.email)).length === 1 ? mailsTo(invited.email) : undefined,
    );
    expect(mail?.subject).toMatch(/^You are invited to the clinic “Harbour Bcc: [^“”@]+ @ [^“”@]*”$/);
    expect(mail?.html).toContain('{{7}}&lt;b&gt;');
    // To whom a mail goes is said by the envelope, whatever its headers say.
    await eventually(async () => (await mailsTo(admin.email)).length === 1);
    expect(await envelopesTo(thief)).toEqual([]);
    expect(await envelopesTo(invited.email)).toHaveLength(1);
  });

  it.each(['structured', 'binary'] as const)(
    'forgets a deleted user in every clinic (CloudEvent, %s mode)',
    async (mode) => {
      const [user, other] = [await shard.user('Pat Patient'), await shard.user('Somebody Else')];
      const clinics = [await shard.clinic('One', [user.userId]), await shard.clinic('Two', [other.userId])];
      for (const clinicId of clinics) {
        await shard.clinician(clinicId, user, clinicId === clinics[0] ? 'CLINIC_ADMIN' : 'CLINIC_MEMBER');
        await addPatient(clinicId, user.userId);
      }
      await shard.clinician(clinics[1] ?? new Types.ObjectId(), other, 'CLINIC_ADMIN');
      await shard.connection.collection('perms').insertMany([
        { sharerId: user.userId, userId: other.userId, permissions: { view: {} } },
        { sharerId: other.userId, userId: user.userId, permissions: { view: {} } },
        { sharerId: other.userId, userId: 'third', permissions: { view: {} } },
      ]);
      const message = await publishUserEvent(
        'users:delete',
        user.userId,
        { username: user.email, emails: [user.email], roles: [], fullName: 'Pat Patient' },
        mode,
      );
      await shard.producer.send({ topic: shard.userEventsTopic, messages: [message] }); // delivered twice
      await eventually(
        async () =>
          (await reactionsTo(user.userId)).length === 4 &&
          (await reactionsTo(user.userId)).every(({ state }) => state === 'done'),
      );
      expect(await shard.models.patients.countDocuments({ userId: user.userId })).toBe(0);
      expect(await shard.models.clinicians.find({ clinicId: { $in: clinics } }).lean()).toMatchObject([
        { userId: other.userId },
      ]);
      expect(await shard.connection.collection('patients_deletions').countDocuments({ userId: user.userId })).toBe(2);
      for (const clinicId of clinics) expect(await readCounts(shard.models, clinicId)).toMatchObject({ total: 0 });
      expect(
        await shard.connection
          .collection('perms')
          .countDocuments({ $or: [{ sharerId: user.userId }, { userId: user.userId }] }),
      ).toBe(0);
      expect(
        await shard.connection.collection('perms').countDocuments({ sharerId: other.userId, userId: 'third' }),
      ).toBe(1);
      expect(await shard.identity.findUser(user.userId)).toBeUndefined();
      const metrics = await (await fetch(`${worker.url}/metrics`)).text();
      expect(metrics).toMatch(/caregate_clinics_without_admin_total [1-9]/);
      await shard.connection.collection('perms').deleteMany({});
    },
  );

  it('gives a user’s records their new email', async () => {
    const user = await shard.user('Pat Patient');
    const clinicId = await shard.clinic('One', [user.userId]);
    await shard.clinician(clinicId, user, 'CLINIC_MEMBER');
    const email = `new-${user.email}`;
    await shard.identity.updateUser(user.userId, { email });
    const told = { userid: user.userId }; // as the local identity tells it
    await publishUserEvent('users:update', user.userId, { original: told, updated: told }, 'structured');
    await eventually(() => shard.models.clinicians.exists({ clinicId, email }));
  });

  it('gives no record an email that a user event invents: it is read where the shard keeps its users', async () => {
    const user = await shard.user('Pat Patient');
    const clinicId = await shard.clinic('One', [user.userId]);
    await shard.clinician(clinicId, user, 'CLINIC_MEMBER');
    const invented = `invented-${user.email}`;
    const [original, updated] = [
      { userid: user.userId, username: user.email, emails: [user.email] },
      { userid: user.userId, username: invented, emails: [invented] },
    ];
    await publishUserEvent('users:update', user.userId, { original, updated }, 'structured');
    await eventually(async () => (await reactionsTo(user.userId)).some(({ state }) => state === 'done'));
    expect(await shard.models.clinicians.exists({ clinicId, email: invented })).toBeNull();
    expect(await shard.models.clinicians.exists({ clinicId, email: user.email })).not.toBeNull();
  });

  it('puts what is no CloudEvent into the dead letters, and ignores events that are none of ours', async () => {
    const user = await shard.user('Pat Patient');
    await shard.producer.send({ topic: shard.userEventsTopic, messages: [{ key: user.userId, value: 'no event' }] });
    await publishUserEvent('users:delete', 'not-a-user-id', {}, 'structured');
    await publishUserEvent('something:else', user.userId, {}, 'structured');
    await publishUserEvent('users:delete', user.userId, {}, 'structured');
    await eventually(async () => (await reactionsTo(user.userId)).length === 4);
    const deadLetters = new DeadLetters({
      brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
      topicPrefix: shard.prefix,
    });
    const reasons = await eventually(async () =>
      (await deadLetters.list()).length === 2 ? deadLetters.list() : undefined,
    );
    expect(reasons.map(({ reason }) => reason).sort()).toEqual([
      'Error: not a CloudEvent 1.0',
      'Error: the user event is not as expected at data.userid',
    ]);
  });

  it('sends an email that is due when the SMTP server is back, once', async () => {
    await worker.close();
    const user = await shard.user('Mara Lindqvist');
    const port = await freePort();
    worker = await shard.worker({ SMTP_URL: `smtp://127.0.0.1:${port}` });
    await shard.clinic('Harbour', [user.userId]);
    await eventually(() =>
      shard.connection
        .collection(REACTIONS)
        .findOne({ reaction: 'clinic_created', state: 'waiting', awayAttempts: { $gte: 1 } }),
    );
    expect(await worker.ready()).toBe(true); // mail waits; the worker does not
    let accepted = 0;
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, _session, answer) => void stream.resume().on('end', () => (accepted++, answer())),
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await eventually(() => accepted > 0);
    await eventually(async () => (await shard.connection.collection(REACTIONS).countDocuments({ open: true })) === 0);
    expect(accepted).toBe(1);
    await worker.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const reactionsTo = (userId: string) =>
    shard.connection
      .collection(REACTIONS)
      .find({ lane: { $regex: `\\|${userId}$` } })
      .toArray();

  async function addPatient(clinicId: Types.ObjectId, userId: string): Promise<void> {
    const now = new Date();
    const patient = {
      _id: new Types.ObjectId(),
      clinicId,
      userId,
      fullName: 'Pat',
      birthDate: '1990-01-01',
      permissions: { view: {} },
    };
    const whole = {
      ...patient,
      tags: [],
      sites: [],
      sortName: 'pat',
      searchText: 'pat',
      createdTime: now,
      updatedTime: now,
    };
    await shard.models.patients.collection.insertOne(whole);
    const session = await shard.connection.startSession();
    await session.withTransaction(() =>
      addToCounts(
        shard.models,
        session,
        clinicId,
        countsDelta(undefined, { ...whole, userId: newUserId() }, () => false),
      ),
    );
    await session.endSession();
  }
});

async function freePort(): Promise<number> {
  const server = new SMTPServer({ disabledCommands: ['STARTTLS'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
