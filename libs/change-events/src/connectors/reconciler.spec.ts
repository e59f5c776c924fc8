import type { ConnectClient, ConnectorState } from './connect-client.ts';
import { ConnectRejected } from './connect-client.ts';
import type { ConnectorDefinition } from './definition.ts';
import { ConnectorReconciler, hasLostItsPlace, reasonOf } from './reconciler.ts';

const LOST = `org.apache.kafka.connect.errors.ConnectException: ResumeToken not found. Cannot create a change stream cursor
\tat com.mongodb.kafka.connect.source.MongoSourceTask.start(MongoSourceTask.java:1)
Caused by: com.mongodb.MongoCommandException: Command failed with error 286 (ChangeStreamHistoryLost): 'Resume of change stream was not possible, as the resume point may no longer be in the oplog.'`;
const OTHER = `org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded
\tat a.B.c(B.java:1)
\t... 13 more
Caused by: com.mongodb.MongoTimeoutException: mongodb://user:secret@host/db did not answer`;

const definition = (name: string, config: Record<string, string> = { 'tasks.max': '1' }): ConnectorDefinition => ({
  name,
  config,
});

const running = (name: string, config: Record<string, string> = { 'tasks.max': '1' }): ConnectorState => ({
  name,
  config: { ...config, name },
  state: 'RUNNING',
  tasks: [{ id: 0, state: 'RUNNING' }],
});

const failed = (name: string, trace: string): ConnectorState => ({
  ...running(name),
  tasks: [{ id: 0, state: 'FAILED', trace }],
});

/** Kafka Connect as far as the reconciler can tell: what it has, and what it was told. */
class Told {
  readonly calls: string[] = [];
  constructor(public states: ConnectorState[]) {}
  async connectors() {
    return this.states;
  }
  async put({ name }: ConnectorDefinition) {
    if (name.endsWith('refused')) throw new ConnectRejected(400, 'refused');
    this.calls.push(`put ${name}`);
  }
  remove = this.note('remove');
  restartFailed = this.note('restart');
  stop = this.note('stop');
  resume = this.note('resume');
  forgetOffsets = this.note('forget');

  private note(what: string) {
    return async (name: string) => void this.calls.push(`${what} ${name}`);
  }
}

test('connectors of our names that another owns are left alone, and the message says whose they are', async () => {
  const foreign = running('au1.one', { 'tasks.max': '1', 'caregate.owner': 'uk1/other' });
  const connect = new Told([foreign, running('au1.undefined')]);
  const reconciler = new ConnectorReconciler({
    client: connect as unknown as ConnectClient, // as far as it is used
    prefix: 'au1',
    owner: async () => ({ shardId: 'au1', installationId: 'ours' }),
  });
  await expect(reconciler.reconcile([definition('au1.one')])).rejects.toThrow(
    /^the connector au1\.one on this Kafka Connect belongs to another database, of shard uk1: change CONNECT_URL/,
  );
  expect(connect.calls).toEqual([]);
});

test('a connector that nobody owns yet is taken over, and one of our own stays', async () => {
  const ours = running('au1.ours', { 'tasks.max': '1', 'caregate.owner': 'au1/ours' });
  const connect = new Told([ours, running('au1.old')]);
  const reconciler = new ConnectorReconciler({
    client: connect as unknown as ConnectClient, // as far as it is used
    prefix: 'au1',
    owner: async () => ({ shardId: 'au1', installationId: 'ours' }),
  });
  await reconciler.reconcile([definition('au1.ours'), definition('au1.old')]);
  expect(connect.calls).toEqual(['put au1.old']);
});

function reconcilerOf(connect: Told, now?: () => number) {
  return new ConnectorReconciler({ client: connect as unknown as ConnectClient, prefix: 'au1', ...(now && { now }) }); // as far as it is used
}

test('what is missing is created, what differs is changed, what is ours and not defined is removed', async () => {
  const connect = new Told([
    running('au1.same'),
    running('au1.differs', { 'tasks.max': '2' }),
    running('au1.stray'),
    running('au11.stray'),
    running('other'),
  ]);
  const report = await reconcilerOf(connect).reconcile([
    definition('au1.same'),
    definition('au1.differs'),
    definition('au1.missing'),
  ]);
  expect(report).toMatchObject({
    created: ['au1.missing'],
    changed: ['au1.differs'],
    removed: ['au1.stray'],
    failing: [],
  });
  expect(connect.calls).toEqual(['remove au1.stray', 'put au1.differs', 'put au1.missing']);
});

test('another beginning is no difference: it matters only once', async () => {
  const at = (time: string) => ({
    'startup.mode': 'timestamp',
    'startup.mode.timestamp.start.at.operation.time': time,
  });
  const connect = new Told([running('au1.a', at('1'))]);
  await reconcilerOf(connect).reconcile([definition('au1.a', at('2'))]);
  expect(connect.calls).toEqual([]);
});

test('a failed task is restarted at once, then after pauses that double up to half a minute', async () => {
  let now = 1_000_000;
  const connect = new Told([failed('au1.a', OTHER)]);
  const keeper = reconcilerOf(connect, () => now);
  const restarts: number[] = [];
  for (; now < 1_000_000 + 120_000; now += 250) {
    const report = await keeper.reconcile([definition('au1.a')]);
    expect(report.failing).toHaveLength(1);
    if (report.restarted.length > 0) restarts.push(now - 1_000_000);
  }
  const pauses = restarts.slice(1).map((at, i) => at - (restarts[i] ?? 0));
  expect(restarts[0]).toBe(0);
  expect(pauses.length).toBeGreaterThanOrEqual(6);
  pauses.forEach((pause, i) => {
    const whole = Math.min(30_000, 1_000 * 2 ** i);
    expect(pause).toBeGreaterThanOrEqual(whole / 2);
    expect(pause).toBeLessThanOrEqual(whole + 250);
  });
});

test('a source that lost its place forgets its offsets and begins anew', async () => {
  const connect = new Told([failed('au1.a', LOST)]);
  const report = await reconcilerOf(connect).reconcile([definition('au1.a')]);
  expect(report).toMatchObject({ begunAnew: [{ name: 'au1.a' }], restarted: [], failing: [] });
  expect(connect.calls).toEqual(['stop au1.a', 'forget au1.a', 'put au1.a', 'resume au1.a']);
});

test('what somebody stopped is resumed', async () => {
  const connect = new Told([{ ...running('au1.a'), state: 'STOPPED', tasks: [] }]);
  await reconcilerOf(connect).reconcile([definition('au1.a')]);
  expect(connect.calls).toEqual(['resume au1.a']);
});

test('a definition that Connect refuses does not keep the others from being put', async () => {
  const connect = new Told([]);
  const report = await reconcilerOf(connect).reconcile([definition('au1.refused'), definition('au1.b')]);
  expect(report.created).toEqual(['au1.b']);
  expect(report.failing).toEqual([{ name: 'au1.refused', reason: 'refused' }]);
});

test('the reason of a failure is told without stack and without passwords', () => {
  expect(reasonOf(OTHER)).toBe(
    'org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded Caused by: com.mongodb.MongoTimeoutException: mongodb://…@host/db did not answer',
  );
  expect([hasLostItsPlace(reasonOf(LOST)), hasLostItsPlace(reasonOf(OTHER))]).toEqual([true, false]);
});

test('messages that stop a sink are put aside, and the sink is not just restarted', async () => {
  const trace =
    "a.ConnectException: Exiting\nCaused by: a.DataException: Could not convert value 'Planted 'Name'' (java.lang.String) into a BsonDocument.";
  const sink = definition('au1.sink', { 'tasks.max': '1', topics: 'au1.rows' });
  const connect = new Told([{ ...failed('au1.sink', trace), config: sink.config }]);
  const asked: unknown[] = [];
  const keeper = new ConnectorReconciler({
    client: connect as unknown as ConnectClient, // as far as it is used
    prefix: 'au1',
    putPoisonAside: async (poisoned) => (asked.push(poisoned), 3),
  });
  const report = await keeper.reconcile([sink]);
  expect(asked).toEqual([{ name: 'au1.sink', topic: 'au1.rows' }]);
  expect(report).toMatchObject({ poisoned: [{ name: 'au1.sink', messages: 3 }], restarted: [], failing: [] });
  expect(reasonOf(trace)).not.toContain('Planted');
});

const OVERRIDES = { 'tasks.max': '1', 'producer.override.linger.ms': '25' };

/** What Connect has after the reconciler put a definition. */
async function put(wanted: ConnectorDefinition, found: Record<string, string | null> | undefined) {
  const kept: ConnectorDefinition[] = [];
  const state = { ...running(wanted.name), config: { ...found, name: wanted.name } };
  const client = {
    connectors: async () => (found ? [state] : []),
    put: async (each: ConnectorDefinition) => void kept.push(each),
  };
  const keeper = new ConnectorReconciler({ client: client as unknown as ConnectClient, prefix: 'au1' }); // as far as it is used
  const { created, changed } = await keeper.reconcile([wanted]);
  return { config: { ...(kept[0]?.config ?? found) }, isPut: created.length + changed.length > 0 };
}

test('how much and how long a connector’s clients take is the operator’s to say, and stays', async () => {
  const first = await put(definition('au1.a', OVERRIDES), undefined);
  const given = { ...first.config, 'producer.override.batch.size': '400000', 'producer.override.linger.ms': '100' };
  expect(await put(definition('au1.a', OVERRIDES), given)).toEqual({ config: given, isPut: false });
  // With a later definition, too; what was ours follows it.
  const later = { ...OVERRIDES, 'tasks.max': '2', 'consumer.override.fetch.min.bytes': '1' };
  const { config } = await put(definition('au1.a', later), given);
  expect(config).toMatchObject({
    'tasks.max': '2',
    'producer.override.batch.size': '400000',
    'producer.override.linger.ms': '100',
    'consumer.override.fetch.min.bytes': '1',
  });
});

test('what we gave a connector before and no longer give it goes; what says where to, in which order and how safely is put right', async () => {
  const { config: before } = await put(
    definition('au1.a', { ...OVERRIDES, 'producer.override.batch.size': '1' }),
    undefined,
  );
  const byHand = {
    ...before,
    'tasks.max': '9',
    'producer.override.bootstrap.servers': 'elsewhere:9092',
    'producer.override.acks': '0',
    'producer.override.sasl.jaas.config': 'x',
  };
  const { config } = await put(definition('au1.a', { ...OVERRIDES, 'producer.override.linger.ms': '10' }), byHand);
  expect(Object.entries(config).filter(([key]) => key !== 'caregate.applied')).toEqual([
    ['tasks.max', '1'],
    ['producer.override.linger.ms', '10'],
  ]);
});
