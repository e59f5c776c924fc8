import { setTimeout as pause } from 'node:timers/promises';

/** Kafka Connect's REST interface, as far as the bare pair needs it. */
export class Connect {
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async put(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const answer = await fetch(`${this.url}/connectors/${name}/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(config),
    });
    if (answer.status === 409) return this.again(name, config);
    if (!answer.ok) throw new Error(`Kafka Connect answers ${answer.status} to the connector ${name}`);
  }

  /** It is rebalancing. */
  private async again(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    await pause(250);
    return this.put(name, config);
  }

  async untilRunning(name: string, withinMs = 60_000): Promise<void> {
    const giveUp = performance.now() + withinMs;
    for (;;) {
      const states = await this.states(name);
      if (states.length > 1 && states.every((state) => state === 'RUNNING')) return;
      if (performance.now() > giveUp)
        throw new Error(`the connector ${name} does not run: ${states.join(', ') || 'it is not there'}`);
      await pause(100);
    }
  }

  async removeAll(prefix: string): Promise<void> {
    const names: unknown = await (await fetch(`${this.url}/connectors`)).json();
    for (const name of Array.isArray(names) ? names : []) {
      if (typeof name === 'string' && name.startsWith(prefix))
        await fetch(`${this.url}/connectors/${name}`, { method: 'DELETE' });
    }
  }

  /** Connectors with this prefix, and their tasks. */
  async counted(prefix: string): Promise<{ connectors: number; tasks: number }> {
    const names: unknown = await (await fetch(`${this.url}/connectors`)).json();
    const ours = (Array.isArray(names) ? names : []).filter(
      (name) => typeof name === 'string' && name.startsWith(prefix),
    );
    const states = await Promise.all(ours.map((name: string) => this.states(name)));
    return { connectors: ours.length, tasks: states.reduce((sum, { length }) => sum + Math.max(0, length - 1), 0) };
  }

  private async states(name: string): Promise<string[]> {
    const answer = await fetch(`${this.url}/connectors/${name}/status`);
    if (!answer.ok) return [];
    // Connect's own shape.
    const { connector, tasks } = (await answer.json()) as { connector: { state: string }; tasks: { state: string }[] };
    return [connector.state, ...tasks.map(({ state }) => state)];
  }
}

/** A source and a sink as the connector's manual begins with them: no projection, no key, no settings of ours. */
export function barePair(place: {
  prefix: string;
  sourceUri: string;
  source: string;
  replicaUri: string;
  replica: string;
}) {
  const { prefix, sourceUri, source, replicaUri, replica } = place;
  const converters = {
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
  };
  return {
    topic: `${prefix}.${source}.patients`,
    source: {
      name: `${prefix}.source`,
      config: {
        'connector.class': 'com.mongodb.kafka.connect.MongoSourceConnector',
        'tasks.max': '1',
        'connection.uri': sourceUri,
        database: source,
        collection: 'patients',
        'topic.prefix': prefix,
        'startup.mode': 'copy_existing',
        'change.stream.full.document': 'updateLookup',
        ...converters,
      },
    },
    sink: {
      name: `${prefix}.sink`,
      config: {
        'connector.class': 'com.mongodb.kafka.connect.MongoSinkConnector',
        'tasks.max': '1',
        'connection.uri': replicaUri,
        topics: `${prefix}.${source}.patients`,
        database: replica,
        collection: 'patients',
        'change.data.capture.handler': 'com.mongodb.kafka.connect.sink.cdc.mongodb.ChangeStreamHandler',
        ...converters,
      },
    },
  };
}
