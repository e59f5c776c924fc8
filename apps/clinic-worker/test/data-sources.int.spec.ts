import { eventually } from '@caregate/eventually';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChangedPatient, ChangeEvent } from '@caregate/change-events';
import { type DataSource, type PatientDocument, readCounts, searchFields, type UserId } from '@caregate/clinic-model';
import type { IdentityService, UserDataSource } from '@caregate/identity';
import { Types } from 'mongoose';
import type { ClinicWorkerConfig } from '../src/config.ts';
import { Records } from '../src/records.service.ts';
import { DataSources } from '../src/reactions/data-sources.handler.ts';
import { newUserId, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;
const dexcom = { dataSourceId: 'b'.repeat(24), providerName: 'dexcom', state: 'connected' };

describeWithServers('the data sources of a new patient', () => {
  const shard = new TestShard();
  let clinicId: Types.ObjectId;
  let dataService: Server;
  const known = new Map<string, object[]>();

  beforeAll(async () => {
    await shard.start();
    clinicId = await shard.clinic('Harbour', []);
    dataService = await startDataService(known);
  }, 60_000);
  afterAll(async () => {
    await shard.stop();
    dataService.close();
    dataService.closeAllConnections();
  }, 60_000);

  async function patient(fields: Partial<PatientDocument>): Promise<PatientDocument> {
    const now = new Date();
    const about = { fullName: 'Ines Okafor', birthDate: '1990-02-03', ...fields };
    const document: PatientDocument = {
      ...{ _id: new Types.ObjectId(), clinicId, userId: newUserId(), permissions: { view: {} }, tags: [], sites: [] },
      ...{ ...about, ...searchFields(about), createdTime: now, updatedTime: now },
    };
    await shard.models.patients.collection.insertOne(document);
    return document;
  }

  const sourcesOf = async (_id: Types.ObjectId) =>
    (await shard.models.patients.findOne({ _id }).lean<PatientDocument>())?.dataSources;

  it('are copied from the service that knows them, through MongoDB, Kafka Connect and Kafka; custodial patients have none', async () => {
    const url = `http://127.0.0.1:${(dataService.address() as AddressInfo).port}`; // it listens on TCP
    await shard.worker({ IDENTITY: 'http', IDENTITY_URL: url, DATA_SOURCES_URL: url });
    const [own, looked] = [newUserId(), newUserId()];
    for (const userId of [own, looked])
      known.set(userId, [{ ...dexcom, id: dexcom.dataSourceId, modifiedTime: '2026-01-02T03:04:05Z' }]);
    const custodial = await patient({ userId: looked, permissions: { custodian: {}, view: {} } });
    const { _id } = await patient({ userId: own });
    const [source] = (await eventually(() => sourcesOf(_id))) as DataSource[];
    expect(source).toMatchObject({
      providerName: 'dexcom',
      state: 'connected',
      modifiedTime: new Date('2026-01-02T03:04:05Z'),
    });
    expect(String(source?.dataSourceId)).toBe(dexcom.dataSourceId);
    expect((await readCounts(shard.models, clinicId)).providers['dexcom']).toBeDefined();
    expect(await sourcesOf(custodial._id)).toBeUndefined();
  });

  describe('as the reaction by itself decides', () => {
    const reaction = (answer: UserDataSource[] | undefined) =>
      new DataSources(
        shard.connection,
        shard.models,
        new Records(shard.models),
        {} as ClinicWorkerConfig, // there is no demo patient
        { dataSources: async () => answer } as unknown as IdentityService, // nothing else is asked
      );
    const inserted = (fullDocument: PatientDocument) =>
      ({
        operationType: 'insert',
        documentKey: { _id: fullDocument._id },
        fullDocument,
      }) as unknown as ChangeEvent<ChangedPatient>; // no more is looked at

    it('are those that another clinic was told of, where no service knows them', async () => {
      const userId = newUserId();
      const dataSources = [{ providerName: 'abbott', state: 'error' }];
      await patient({ userId, clinicId: await shard.clinic('Other', []), dataSources });
      const joined = await patient({ userId });
      expect(await reaction(undefined).copy(inserted(joined))).toBe('1 data sources');
      expect(await sourcesOf(joined._id)).toMatchObject(dataSources);
      expect(await reaction(undefined).copy(inserted(await patient({})))).toBe('no data sources');
    });

    it('stay as they are where the patient has some already, and a patient who is gone gets none', async () => {
      const has = await patient({ dataSources: [{ providerName: 'abbott', state: 'connected' }] });
      expect(await reaction([dexcom]).copy(inserted(has))).toBe('the patient has data sources already');
      expect(await sourcesOf(has._id)).toMatchObject([{ providerName: 'abbott' }]);
      const gone = { ...has, _id: new Types.ObjectId(), userId: newUserId() };
      expect(await reaction([dexcom]).copy(inserted(gone))).toBe(
        'the patient is gone, or is looked after by the clinic',
      );
    });

    it('come without an id that is none of ours', async () => {
      const { _id, ...rest } = await patient({});
      await reaction([{ ...dexcom, dataSourceId: 'x-1' }]).copy(inserted({ _id, ...rest }));
      expect((await sourcesOf(_id))?.[0]?.dataSourceId).toBeUndefined();
    });
  });
});

/** Answers as the public platform does, to whoever signs in as a server. */
async function startDataService(known: ReadonlyMap<string, object[]>): Promise<Server> {
  const server = createServer((request, response) => {
    const userId = /^\/v1\/users\/([^/]+)\/data_sources$/.exec(request.url ?? '')?.[1] as UserId | undefined;
    if (request.url === '/serverlogin') response.setHeader('x-tidepool-session-token', 'server').end();
    else if (userId && request.headers['x-tidepool-session-token'] === 'server')
      response.end(JSON.stringify(known.get(userId) ?? []));
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
