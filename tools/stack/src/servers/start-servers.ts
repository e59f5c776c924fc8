import { StackError } from '../errors.ts';
import { stopwatch } from '../elapsed.ts';
import { installKafka, installMongod } from '../install/install-all.ts';
import { silent, type Log } from '../log.ts';
import type { Daemon, DaemonPlan } from '../process/daemon.ts';
import { dismissIdleKeeper } from '../process/keeper.ts';
import { accepts, answersOk } from '../process/probe.ts';
import { host } from '../process/ports.ts';
import { startOnFreePorts } from '../process/start-on-free-ports.ts';
import { createRunFolder, type RunFolder } from '../run-folder.ts';
import { connectSecrets, connectUrl, planConnect } from './connect.ts';
import { checkReachable, externalServer, hostsAndPorts, withoutPassword } from './external-server.ts';
import { planKafka } from './kafka.ts';
import type { SecureListener } from './kafka-properties.ts';
import { planMaildev } from './maildev.ts';
import { mongodbAnswers, mongodUri, planMongod } from './mongod.ts';
import { withDatabase, withoutDatabase } from './mongodb-uri.ts';
import { ownServer } from './own-server.ts';
import { serverNames, type Server, type ServerName } from './server.ts';

export interface StartServersOptions {
  /** Start only these, and what they need (Connect needs Kafka). All of them when not given. */
  only?: ServerName[];
  log?: Log;
  /** Take the servers' well-known ports where they are free. */
  wellKnownPorts?: boolean;
  /** Where to look for MONGODB_URI, KAFKA_BROKERS, CONNECT_URL, CONNECT_SECRETS, SMTP_URL, MAIL_WEB_URL. */
  env?: NodeJS.ProcessEnv;
  /** mongod speaks nothing but TLS, and Kafka has a second port with TLS that asks for this user. Servers that are given stay as they are. */
  secured?: Omit<SecureListener, 'port'>;
}

/** The servers, running. The address of a server that was not asked for cannot be read. */
export interface Servers {
  /** Without a database in the path. */
  readonly mongodbUri: string;
  mongodbUriFor(database: string): string;
  /** host:port */
  readonly kafkaBrokers: string;
  /** host:port, where Kafka speaks TLS. */
  readonly kafkaSecureBrokers: string;
  readonly connectUrl: string;
  readonly smtpUrl: string;
  /** The mail catcher's page; its REST API is at /api/email. */
  readonly mailWebUrl: string;
  /**
   * MONGODB_URI, KAFKA_BROKERS, CONNECT_URL, SMTP_URL, MAIL_WEB_URL, as far as they are running, and CONNECT_SECRETS: the folder whose
   * files Connect's connectors may refer to, where it is known.
   */
  readonly env: Record<string, string>;
  readonly mongod: Server;
  readonly kafka: Server;
  readonly connect: Server;
  readonly maildev: Server;
  /** Those that are there, started here or given. */
  readonly all: Server[];
  readonly run: RunFolder;
  /** Ends all that was started here and removes its data. */
  stop(): Promise<void>;
}

const wellKnown = { mongod: 27017, kafka: 9092, connect: 8083, smtp: 1025, web: 1080 };

export async function startServers(options: StartServersOptions = {}): Promise<Servers> {
  const { log = silent, env = process.env } = options;
  const elapsed = stopwatch();
  const run = await createRunFolder();
  const start = new Start(run, log, env, options);
  const wanted = new Set(options.only ?? serverNames);
  try {
    await everyOne([
      wanted.has('mongod') && start.mongod(),
      wanted.has('connect') ? start.kafka().then(() => start.connect()) : wanted.has('kafka') && start.kafka(),
      wanted.has('maildev') && start.maildev(),
    ]);
  } catch (error) {
    await start.stop();
    throw error;
  }
  log(`servers are up after ${elapsed()}`);
  return new RunningServers(start);
}

/** Waits for all, also when one fails, so that nothing is still starting when the failure is handled. */
async function everyOne(work: (Promise<unknown> | false)[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/** The start of the servers, one method per server. */
class Start {
  readonly run: RunFolder;
  readonly servers = new Map<ServerName, Server>();
  readonly addresses: Record<string, string> = {};
  private readonly log: Log;
  private readonly given: NodeJS.ProcessEnv;
  private readonly ports: typeof wellKnown | undefined;
  private readonly secured: StartServersOptions['secured'];

  constructor(run: RunFolder, log: Log, given: NodeJS.ProcessEnv, options: StartServersOptions) {
    this.run = run;
    this.log = log;
    this.given = given;
    this.ports = options.wellKnownPorts ? wellKnown : undefined;
    this.secured = options.secured;
  }

  async mongod(): Promise<void> {
    const uri = this.given.MONGODB_URI;
    if (uri) {
      const server = withoutDatabase(uri);
      await this.take('mongod', 'MONGODB_URI', server, () => mongodbAnswers(server));
      return;
    }
    const tls = this.secured?.certificates;
    const program = await installMongod({ log: this.log });
    const daemon = await this.start('mongod', () => planMongod(program, this.run, this.ports?.mongod, tls));
    this.addresses.MONGODB_URI = mongodUri(portOf(daemon), tls);
  }

  async kafka(): Promise<void> {
    const brokers = this.given.KAFKA_BROKERS;
    if (brokers) {
      const pairs = hostsAndPorts(brokers, 'KAFKA_BROKERS');
      await this.take('kafka', 'KAFKA_BROKERS', brokers, async () =>
        (await Promise.all(pairs.map((pair) => accepts(pair.host, pair.port, 5_000)))).some(Boolean),
      );
      return;
    }
    // Connect is made of the same jars; where it is given, Kafka alone needs them.
    const installation = await installKafka({ log: this.log });
    const daemon = await this.start('kafka', () => planKafka(installation, this.run, this.ports?.kafka, this.secured));
    this.addresses.KAFKA_BROKERS = `${host}:${portOf(daemon)}`;
    const securePort = daemon.plan.ports[2]; // behind the controller's
    if (securePort !== undefined) this.addresses.KAFKA_SECURE_BROKERS = `${host}:${securePort}`;
  }

  async connect(): Promise<void> {
    const url = this.given.CONNECT_URL?.replace(/\/+$/, '');
    if (url) {
      await this.take('connect', 'CONNECT_URL', url, () => answersOk(`${url}/connectors`, 5_000));
      if (this.given.CONNECT_SECRETS) this.addresses.CONNECT_SECRETS = this.given.CONNECT_SECRETS;
      return;
    }
    const installation = await installKafka({ log: this.log });
    const brokers = this.addresses.KAFKA_BROKERS as string;
    const group = this.servers.get('kafka')?.external ? `connect-${this.run.id}` : 'connect';
    const daemon = await this.start('connect', () =>
      planConnect(installation, this.run, { brokers, group, preferredPort: this.ports?.connect }),
    );
    this.addresses.CONNECT_URL = connectUrl(portOf(daemon));
    this.addresses.CONNECT_SECRETS = connectSecrets(this.run);
  }

  async maildev(): Promise<void> {
    const url = this.given.SMTP_URL;
    if (url) {
      const { hostname, port } = parseSmtpUrl(url);
      await this.take('maildev', 'SMTP_URL', url, () => accepts(hostname, port, 5_000));
      if (this.given.MAIL_WEB_URL) this.addresses.MAIL_WEB_URL = this.given.MAIL_WEB_URL;
      return;
    }
    const daemon = await this.start('maildev', () => planMaildev(this.run, this.ports));
    const [smtp, web] = daemon.plan.ports;
    this.addresses.SMTP_URL = `smtp://${host}:${smtp}`;
    this.addresses.MAIL_WEB_URL = `http://${host}:${web}`;
  }

  async stop(): Promise<void> {
    // Their data is thrown away, so nobody needs to wait for them to end in good order.
    await Promise.all([...this.servers.values()].filter((server) => !server.external).map((server) => server.kill()));
    await this.run.clear();
    await dismissIdleKeeper();
  }

  private async start(name: ServerName, plan: () => Promise<DaemonPlan>): Promise<Daemon> {
    const { daemon, took } = await startOnFreePorts(plan, this.log);
    this.servers.set(name, ownServer(name, daemon));
    this.log(`${name} is up on ${host}:${portOf(daemon)} after ${took}`);
    return daemon;
  }

  private async take(
    name: ServerName,
    variable: string,
    address: string,
    probe: () => Promise<boolean>,
  ): Promise<void> {
    await checkReachable(name, variable, address, probe);
    this.servers.set(name, externalServer(name, variable));
    this.addresses[variable] = address;
    this.log(`${name} is given: ${withoutPassword(address)}`);
  }
}

class RunningServers implements Servers {
  private readonly begun: Start;

  constructor(begun: Start) {
    this.begun = begun;
  }

  get mongodbUri(): string {
    return this.address('MONGODB_URI');
  }
  mongodbUriFor(database: string): string {
    return withDatabase(this.mongodbUri, database);
  }
  get kafkaBrokers(): string {
    return this.address('KAFKA_BROKERS');
  }
  get kafkaSecureBrokers(): string {
    return this.address('KAFKA_SECURE_BROKERS');
  }
  get connectUrl(): string {
    return this.address('CONNECT_URL');
  }
  get smtpUrl(): string {
    return this.address('SMTP_URL');
  }
  get mailWebUrl(): string {
    return this.address('MAIL_WEB_URL');
  }
  get env(): Record<string, string> {
    return { ...this.begun.addresses };
  }
  get mongod(): Server {
    return this.server('mongod');
  }
  get kafka(): Server {
    return this.server('kafka');
  }
  get connect(): Server {
    return this.server('connect');
  }
  get maildev(): Server {
    return this.server('maildev');
  }
  get all(): Server[] {
    return serverNames.flatMap((name) => this.begun.servers.get(name) ?? []);
  }
  get run(): RunFolder {
    return this.begun.run;
  }
  stop(): Promise<void> {
    return this.begun.stop();
  }

  private address(variable: string): string {
    const address = this.begun.addresses[variable];
    if (!address) throw new StackError(`there is no ${variable}: its server was neither started nor given`);
    return address;
  }

  private server(name: ServerName): Server {
    const server = this.begun.servers.get(name);
    if (!server) throw new StackError(`${name} was not started`);
    return server;
  }
}

function portOf(daemon: Daemon): number {
  return daemon.plan.ports[0] as number;
}

function parseSmtpUrl(url: string): { hostname: string; port: number } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed?.hostname || !/^smtps?:$/.test(parsed.protocol)) {
    throw new StackError(`SMTP_URL is "${withoutPassword(url)}", but must look like smtp://host:port`);
  }
  return { hostname: parsed.hostname, port: Number(parsed.port) || (parsed.protocol === 'smtps:' ? 465 : 25) };
}
