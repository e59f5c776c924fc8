import { ConnectClient, ConnectorReconciler, placeOf, topicsOf, workerConnectors } from '@caregate/change-events';
import { type PatientDocument, searchFields } from '@caregate/clinic-model';
import { eventually } from '@caregate/eventually';
import { Types } from 'mongoose';
import { mailsTo, newUserId, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('a worker whose sources have lost their place in the oplog', () => {
  const shard = new TestShard();
  const connect = new ConnectClient(process.env['CONNECT_URL'] ?? '');
  const place = { prefix: shard.prefix, clinicUri: shard.uri, gatekeeperUri: shard.uri, sinkTasks: 1 };

  beforeAll(() => shard.start(), 60_000);
  afterAll(() => shard.stop(), 60_000);

  const subjectsTo = async (address: string) => (await mailsTo(address)).map(({ subject }) => subject);
  const told = (address: string, count = 1) => eventually(async () => (await mailsTo(address)).length >= count);

  async function patient(clinicId: Types.ObjectId, email: string): Promise<PatientDocument> {
    const now = new Date();
    const known = { fullName: 'Ines Okafor', birthDate: '1990-02-03', email };
    const document: PatientDocument = {
      ...{ _id: new Types.ObjectId(), clinicId, userId: newUserId(), permissions: { view: {} }, tags: [], sites: [] },
      ...{ ...known, ...searchFields(known), createdTime: now, updatedTime: now },
    };
    await shard.models.patients.collection.insertOne(document);
    return document;
  }

  const remind = (_id: Types.ObjectId) =>
    shard.models.patients.collection.updateOne({ _id }, { $set: { lastUploadReminderTime: new Date() } });

  /** As when the oplog has rolled over where the sources stand: the tokens of their places are in it no longer. */
  async function loseAllPlaces(): Promise<void> {
    const names = workerConnectors(place, { mode: 'timestamp', at: { t: 1, i: 1 } }).map(({ name }) => name);
    for (const name of names) {
      const offsets = await connect.offsets(name);
      for (const { partition, offset } of offsets) {
        const { _data } = JSON.parse((offset as { _id: string })._id) as { _data: string }; // as sources write it
        const lost = JSON.stringify({ _data: `${_data.slice(0, 10)}00FFFFFF${_data.slice(18)}` });
        await eventually(() =>
          connect.setOffsets(name, [{ partition, offset: { _id: lost } }]).then(
            () => true,
            () => false,
          ),
        );
      }
      await connect.resume(name);
    }
  }

  it('does what is due of what was lost, and tells nothing twice', async () => {
    const worker = await shard.worker();
    const [first, second, third] = [await shard.user('First'), await shard.user('Second'), await shard.user('Third')];
    const [reminded, late] = [randomAddress(), randomAddress()];
    const clinicId = await shard.clinic('Before', [first.userId]);
    await told(first.email);
    const known = await patient(clinicId, reminded);
    await remind(known._id);
    await told(reminded);

    const topics = topicsOf(shard.prefix);
    const sources = [topics.clinics, topics.patients];
    for (const name of sources) await eventually(async () => (await connect.offsets(name)).length > 0);
    const connectors = async () =>
      (await connect.connectors()).filter(({ name }) => name.startsWith(`${shard.prefix}.`));
    for (const { name } of await connectors()) await connect.stop(name);
    await eventually(async () =>
      (await connectors()).every(({ state, tasks }) => state === 'STOPPED' && tasks.length === 0),
    );
    await shard.clinic('Meanwhile', [second.userId]);
    await shard.clinic('Of long ago', [third.userId]);
    await shard.models.clinics.collection.updateOne(
      { name: 'Of long ago' },
      { $set: { createdTime: new Date('2020-01-01T00:00:00Z'), updatedTime: new Date() } },
    );
    const other = await patient(clinicId, late);
    await remind(other._id);
    await loseAllPlaces();

    const keeper = new ConnectorReconciler({
      client: connect,
      prefix: shard.prefix,
      newBeginning: async (definition) => {
        const lost = placeOf(await connect.offsets(definition.name));
        const since = new Date(((lost?.t ?? 0) - 60) * 1_000);
        const anew = workerConnectors(place, { mode: 'copy_existing', since });
        return anew.find(({ name }) => name === definition.name) ?? definition;
      },
    });
    const definitions = workerConnectors(place, { mode: 'timestamp', at: { t: 1, i: 1 } });
    const anew = new Set<string>();
    await eventually(async () => {
      const report = await keeper.reconcile(definitions).catch(() => undefined); // Connect rebalances now and then
      for (const { name } of report?.begunAnew ?? []) anew.add(name);
      return sources.every((name) => anew.has(name));
    });
    await told(second.email);
    await told(late);
    await eventually(async () => {
      const record = { reaction: 'clinic_created', note: 'the clinic is not new' };
      return (await shard.connection.collection('reactions').countDocuments(record)) > 0;
    });
    await eventually(async () => (await shard.connection.collection('reactions').countDocuments({ open: true })) === 0);
    expect(await subjectsTo(first.email)).toHaveLength(1);
    expect(await subjectsTo(second.email)).toHaveLength(1);
    expect(await subjectsTo(third.email)).toEqual([]);
    expect(await subjectsTo(reminded)).toHaveLength(1);
    expect(await subjectsTo(late)).toHaveLength(1);
    await worker.close();
  }, 180_000);
});
