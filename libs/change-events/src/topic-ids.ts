import type { Kafka } from 'kafkajs';

/**
 * The ids that Kafka gives to topics (KIP-516, Kafka 2.8): a topic that is deleted and created again has the same name and another id, and
 * its offsets begin anew. kafkajs asks for metadata of a version before ids, so the request is written here, and sent over a connection of
 * the client's own: with its addresses, TLS and password.
 */
export class TopicIds {
  private readonly kafka: Kafka;
  private cluster: Cluster | undefined;

  constructor(kafka: Kafka) {
    this.kafka = kafka;
  }

  /**
   * The ids of those topics that there are; empty where the broker knows no ids.
   * @throws kafkajs errors while Kafka is away
   */
  async of(topics: readonly string[]): Promise<Map<string, string>> {
    this.cluster ??= clusterOf(this.kafka);
    await this.cluster.connect();
    const broker = await this.cluster.brokerPool.findConnectedBroker();
    return broker.connectionPool.send({
      request: { apiKey: METADATA, apiVersion: VERSION, apiName: 'Metadata', encode: async () => encoded(topics) },
      response: { decode: async (payload: Buffer) => ({ ids: decoded(payload) }), parse: async ({ ids }) => ids },
    });
  }

  async close(): Promise<void> {
    await this.cluster?.disconnect().catch(() => {}); // the process ends, or connects anew
    this.cluster = undefined;
  }
}

const METADATA = 3;
/** The first with ids that every Kafka from 2.8 to 4 answers. */
const VERSION = 10;
const NO_ID = '0'.repeat(32);

interface Request<Decoded, Result> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<Decoded>;
    readonly parse: (decoded: Decoded) => Promise<Result>;
  };
}

/** What kafkajs 2.2.4 has inside; `topic-ids.int.spec.ts` fails where another version has not. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<{
      readonly connectionPool: { send<Decoded, Result>(request: Request<Decoded, Result>): Promise<Result> };
    }>;
  };
}

function clusterOf(kafka: Kafka): Cluster {
  const createCluster = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (!createCluster) throw new Error('this version of kafkajs gives no access to its connections');
  // The symbol is that of kafkajs 2.2.4, and so is the shape of what is behind it.
  const { [createCluster]: create } = kafka as unknown as Record<symbol, (options: object) => Cluster>;
  if (!create) throw new Error('this version of kafkajs gives no access to its connections');
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000 });
}

/** Metadata request 10: a compact array of topics (id, name), three flags; each structure ends with its (no) tagged fields. */
function encoded(topics: readonly string[]): { buf: Buffer; buffer: Buffer } {
  const parts = [Buffer.from([0]), unsigned(topics.length + 1)];
  for (const topic of topics) {
    const name = Buffer.from(topic);
    parts.push(Buffer.alloc(16), unsigned(name.length + 1), name, Buffer.from([0]));
  }
  parts.push(Buffer.from([0, 0, 0, 0])); // no topic is created, no rights are asked for
  const buffer = Buffer.concat(parts);
  return { buf: buffer, buffer }; // kafkajs looks whether it is one of its encoders by `buf`
}

function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Metadata response 10. */
function decoded(payload: Buffer): Map<string, string> {
  const reader = new Reader(payload);
  reader.tags(); // of the header
  reader.skip(4); // how long the broker asks to wait
  reader.array(() => {
    reader.skip(4);
    reader.string(); // host
    reader.skip(4);
    reader.string(); // rack
    reader.tags();
  });
  reader.string(); // cluster
  reader.skip(4); // controller
  const ids = new Map<string, string>();
  reader.array(() => {
    const fault = reader.int16();
    const name = reader.string();
    const id = reader.bytes(16).toString('hex');
    reader.skip(1);
    reader.array(() => {
      reader.skip(2 + 4 + 4 + 4);
      for (let replicas = 0; replicas < 3; replicas++) reader.array(() => reader.skip(4));
      reader.tags();
    });
    reader.skip(4);
    reader.tags();
    if (fault === 0) ids.set(name, id === NO_ID ? '' : id);
  });
  return ids;
}

/** Reads Kafka's compact types in their order. */
class Reader {
  private at = 0;

  constructor(private readonly payload: Buffer) {}

  skip(bytes: number): void {
    this.at += bytes;
  }

  bytes(count: number): Buffer {
    this.at += count;
    return this.payload.subarray(this.at - count, this.at);
  }

  int16(): number {
    return this.bytes(2).readInt16BE();
  }

  /** Empty for null. */
  string(): string {
    return this.bytes(Math.max(0, this.unsigned() - 1)).toString();
  }

  array(read: () => void): void {
    for (let left = this.unsigned() - 1; left > 0; left--) read();
  }

  tags(): void {
    for (let left = this.unsigned(); left > 0; left--) {
      this.unsigned();
      this.skip(this.unsigned());
    }
  }

  private unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.payload.readUInt8(this.at++);
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
  }
}
