import { MongoClient } from 'mongodb';
import { parseArgs } from 'node:util';
import { StackError, startServers, startShards, type Platform, type Servers } from '@caregate/stack';
import { story } from './story.ts';
import { tell } from './tell.ts';

const HELP = `Usage: make demo

Starts the real stack (MongoDB, Kafka, Kafka Connect, a mail catcher) and all apps of two shards, au1 and uk1,
plays Caregate's main story against them, and shuts everything down. Exits 1 if any step is not really seen.
MONGODB_URI, KAFKA_BROKERS, CONNECT_URL or SMTP_URL: that server is used and none is started in its place.
`;

let servers: Servers | undefined;
let platform: Platform | undefined;
let mongo: MongoClient | undefined;

async function play(): Promise<number> {
  servers = await startServers({ log: say });
  platform = await startShards(servers, { shards: ['au1', 'uk1'], log: say, prefix: runPrefix() });
  mongo = await MongoClient.connect(servers.mongodbUri);
  say('');
  const told = await tell(story, { servers, platform, mongo, facts: new Map() }, say);
  const unseen = told.find(({ failure }) => failure !== undefined);
  say(unseen ? `The story broke off at: ${unseen.title}` : `All ${story.length} steps were seen.`);
  return unseen ? 1 : 0;
}

async function shutDown(): Promise<void> {
  say('Shutting everything down ...');
  await mongo?.close();
  const codes = (await platform?.stop()) ?? {};
  await servers?.stop();
  const unclean = Object.entries(codes).filter(([, code]) => code !== 0);
  if (unclean.length > 0)
    throw new StackError(`did not stop cleanly: ${unclean.map(([app, code]) => `${app} (${code})`).join(', ')}`);
}

// Servers that were given may hold the data of an earlier run.
function runPrefix(): string {
  const { MONGODB_URI, KAFKA_BROKERS, CONNECT_URL } = process.env;
  return MONGODB_URI || KAFKA_BROKERS || CONNECT_URL ? `demo${process.pid}_` : '';
}

function say(line: string): void {
  console.log(line);
}

function interrupted(signal: NodeJS.Signals): void {
  say(`\nInterrupted (${signal}).`);
  shutDown()
    .catch(report)
    .finally(() => process.exit(130));
}

function report(error: unknown): void {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
}

const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
if (values.help) {
  console.log(HELP);
} else {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupted);
  let status = 1;
  try {
    status = await play();
  } catch (error) {
    report(error);
  }
  await shutDown().catch((error: unknown) => {
    report(error);
    status = 1;
  });
  process.exit(status);
}
