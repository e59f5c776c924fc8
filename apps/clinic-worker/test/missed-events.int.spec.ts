import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ConnectClient, openGaps, topicsOf } from '@caregate/change-events';
import { eventually } from '@caregate/eventually';
import mongoose, { Types } from 'mongoose';
import { mailsTo, newUserId, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;
const run = promisify(execFile);
const CLI = join(import.meta.dirname, '../../../tools/caregate/src/main.ts');

describeWithServers('a worker to whom events never come', () => {
  const shard = new TestShard();
  const connect = new ConnectClient(process.env['CONNECT_URL'] ?? '');
  const topics = topicsOf(shard.prefix);

  beforeAll(async () => {
    await shard.start();
    // As gatekeeper-sync chooses it for a new shard.
    const startAt = new mongoose.mongo.Timestamp({ t: Math.floor(Date.now() / 1_000) - 60, i: 1 });
    await shard.connection
      .collection<{ _id: string }>('change_event_beginnings')
      .updateOne({ _id: 'worker' }, { $set: { startAt } }, { upsert: true });
    // What a source misses that loses its place, or a topic that is deleted: no event of these comes.
    for (const name of [topics.clinicians, topics.signUps, topics.patientInvites, topics.clinics])
      await eventually(() =>
        connect.remove(name).then(
          () => true,
          () => false, // Connect rebalances now and then
        ),
      );
  }, 60_000);
  afterAll(() => shard.stop(), 60_000);

  const told = (address: string) => eventually(async () => (await mailsTo(address)).length > 0, 'an email');

  async function invite(clinicId: Types.ObjectId, email: string, inviteSentTime = new Date()): Promise<void> {
    const now = new Date();
    await shard.models.clinicians.collection.insertOne({
      ...{ _id: new Types.ObjectId(), clinicId, email, name: 'x', roles: ['CLINIC_MEMBER'], rolesUpdates: [] },
      ...{ inviteId: new Types.ObjectId().toHexString(), invitedBy: newUserId(), inviteSentTime },
      ...{ createdTime: now, updatedTime: now },
    });
  }

  it('acts on deletions of users and sends invitations all the same, once', async () => {
    const admin = await shard.user('Ada Admin');
    const clinicId = await shard.clinic('Harbour', [admin.userId]);
    const gone = await shard.user('Mara Lindqvist');
    const memberId = await shard.clinician(clinicId, gone, 'CLINIC_MEMBER');
    const [first, second, ofBefore] = [randomAddress(), randomAddress(), randomAddress()];
    await invite(clinicId, first);
    await invite(clinicId, ofBefore, new Date(Date.now() - 3_600_000)); // before the sources began
    await shard.identity.deleteUser(gone.userId);
    const worker = await shard.worker({ DUE_AFTER_SECONDS: '1' });
    await told(first);
    await eventually(
      async () => (await shard.models.clinicians.countDocuments({ _id: memberId })) === 0,
      'the records of the deleted user are gone',
    );
    await invite(clinicId, second);
    await told(second); // the worker has looked again meanwhile
    expect(await mailsTo(first)).toHaveLength(1);
    expect(await mailsTo(ofBefore)).toEqual([]);
    const metrics = await (await fetch(`${worker.url}/metrics`)).text();
    expect(metrics).toMatch(
      new RegExp(`caregate_events_found_due_total\\{[^}]*topic="${topics.clinicians}"[^}]*\\} [1-9]`),
    );
    await worker.close();
  }, 120_000);

  it('has what else is due of a gap done by the command that the alarm names', async () => {
    const [admin, gone] = [await shard.user('Bea Admin'), await shard.user('Otto Olsen')];
    const clinicId = await shard.clinic('Seaside', [admin.userId]); // whom nobody welcomes by themselves
    const memberId = await shard.clinician(clinicId, gone, 'CLINIC_MEMBER');
    const gap = {
      ...{ topic: topics.clinics, partition: 0, cause: 'topic made anew' },
      ...{ since: new Date(Date.now() - 30_000), foundTime: new Date() },
    };
    await shard.connection
      .collection<{ _id: string }>('change_event_beginnings')
      .insertOne({ _id: 'gap|x', gap } as never);
    await shard.identity.deleteUser(gone.userId);
    const worker = await shard.worker();
    const cli = async (...args: string[]) =>
      (
        await run(process.execPath, [CLI, 'events', ...args], {
          env: {
            ...process.env,
            ...{ MONGODB_URI: shard.uri, TOPIC_PREFIX: shard.prefix, NODE_NO_WARNINGS: '1' },
          },
        })
      ).stdout;
    expect(await cli('gaps')).toContain(`${topics.clinics}/0  topic made anew  ? messages`);
    const dry = await cli('repair', '--dry-run');
    expect(dry).toContain('nothing was given');
    expect(dry).toMatch(new RegExp(`${topics.clinics}: [1-9]`));
    expect(await openGaps(shard.connection)).toHaveLength(1);
    expect(await cli('repair')).toContain('1 gap closed');
    await told(admin.email);
    await eventually(async () => (await shard.models.clinicians.countDocuments({ _id: memberId })) === 0);
    expect(await cli('gaps')).toBe('There are no gaps.\n');
    await cli('repair', '--since', new Date(Date.now() - 60_000).toISOString());
    await eventually(async () => (await shard.connection.collection('reactions').countDocuments({ open: true })) === 0);
    expect(await mailsTo(admin.email)).toHaveLength(1);
    await worker.close();
  }, 120_000);
});
