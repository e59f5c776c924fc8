import { permissionConnectors } from './permission-replicas.ts';
import { changePipeline, replicaPipeline } from './pipeline.ts';
import { workerConnectors } from './worker-sources.ts';

const place = {
  prefix: 'au1',
  clinicUri: 'mongodb://m:1/clinic_au1',
  gatekeeperUri: 'mongodb://m:1/gatekeeper_au1',
  sinkTasks: 2,
};
const START = { mode: 'timestamp', at: { t: 1, i: 1 } } as const;
const projectOf = (pipeline: readonly Readonly<Record<string, unknown>>[]) =>
  pipeline.flatMap((stage) => Object.keys((stage['$project'] as object | undefined) ?? {})); // stages hold objects

test('only the fields named leave the database', () => {
  const fields = ['userId', 'permissions'];
  expect(
    projectOf(replicaPipeline({ fields }, { patients: 'patient_permissions' })).filter((path) =>
      path.startsWith('fullDocument'),
    ),
  ).toEqual(['fullDocument._id', 'fullDocument.userId', 'fullDocument.permissions']);
  expect(projectOf(changePipeline({ fields })).filter((path) => path.startsWith('fullDocument.'))).toEqual([
    'fullDocument._id',
    'fullDocument.userId',
    'fullDocument.permissions',
  ]);
});

test('no filter looks at the looked-up document, for then MongoDB refuses to resume', () => {
  for (const { name, config } of [...permissionConnectors(place), ...workerConnectors(place, START)]) {
    const pipeline = JSON.parse(config['pipeline'] ?? '[]') as Record<string, unknown>[]; // as it was put in
    const filters = pipeline.filter((stage) => '$match' in stage);
    expect([name, JSON.stringify(filters).includes('fullDocument')]).toEqual([name, false]);
  }
});

test('gatekeeper connectors send ids and permissions, nothing else', () => {
  const sent = permissionConnectors(place)
    .filter(({ config }) => config['pipeline'] !== undefined)
    .flatMap(({ config }) => projectOf(JSON.parse(config['pipeline'] ?? '[]') as Record<string, unknown>[])); // as it was put in
  expect(new Set(sent.filter((path) => path.startsWith('fullDocument')))).toEqual(
    new Set(
      ['_id', 'userId', 'sharerId', 'clinicId', 'permissions', 'inviteId', 'roles', 'sent'].map(
        (field) => `fullDocument.${field}`,
      ),
    ),
  );
});

test('the worker is told ids and what decides, and no values of other fields', () => {
  const sent = workerConnectors(place, START).flatMap(
    ({ config }) => projectOf(JSON.parse(config['pipeline'] ?? '[]') as Record<string, unknown>[]), // as it was put in
  );
  const fields = ['_id', 'clinicId', 'userId', 'permissions', 'status', 'documentId', 'custodial'];
  const times = ['inviteSentTime', 'lastUploadReminderTime'];
  expect(new Set(sent.filter((path) => path.startsWith('fullDocument')))).toEqual(
    new Set([...fields, ...times].map((field) => `fullDocument.${field}`)),
  );
  expect(sent).not.toContain('updateDescription');
});

test('a snapshot since a time copies what changed since then, and says so', () => {
  const since = new Date('2026-01-02T03:04:05Z');
  for (const { name, config } of workerConnectors(place, { mode: 'copy_existing', since })) {
    const copied = config['startup.mode.copy.existing.pipeline'] ?? '';
    expect([name, JSON.parse(copied)]).toEqual([
      name,
      [
        { $match: { $or: expect.arrayContaining([{ createdTime: { $gte: { $date: since.toISOString() } } }]) } },
        { $set: { changedSince: { $date: since.toISOString() } } },
      ],
    ]);
  }
});

test('connectors are named by the prefix and read and write its topics only', () => {
  const all = [...permissionConnectors(place), ...workerConnectors(place, START)];
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  for (const { name, config } of all) {
    expect(name.startsWith('au1.')).toBe(true);
    const topics = config['topics'] ?? Object.values(JSON.parse(config['topic.namespace.map'] ?? '{}') as object)[0]; // one route
    expect(String(topics).startsWith('au1.')).toBe(true);
  }
});
