import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { eventually } from '@caregate/eventually';
import { createLogger } from '@caregate/service';
import { type Certificates, makeCertificates, type Servers, startServers } from '@caregate/stack';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { DeadLetters, EventLog, GiveUp, kafkaAddress, Reaction } from '../src/index.ts';
import { type Happening, WorkerHarness } from './worker-harness.ts';

// A Kafka with a port that speaks TLS and asks for a user and password, and the worker's runtime on it.
const describeWithServers = process.env['MONGODB_URI'] ? describe : describe.skip;
const [USER, PASSWORD] = ['worker', 'correctHorse1'];

describeWithServers('Kafka with TLS and SASL', () => {
  const known = getCACertificates('default');
  let folder: string;
  let certificates: Certificates;
  let servers: Servers;
  let harness: WorkerHarness;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'caregate-tls-'));
    certificates = await makeCertificates(folder);
    const user = { name: USER, password: PASSWORD };
    servers = await startServers({ only: ['kafka'], env: {}, secured: { certificates, user } });
  });
  beforeEach(() => setDefaultCACertificates([...known, certificates.ca])); // as NODE_EXTRA_CA_CERTS does for an app
  afterEach(() => harness.stop());
  afterAll(async () => {
    setDefaultCACertificates(known);
    await servers.stop();
    rmSync(folder, { recursive: true });
  });

  const address = (query = '', password = PASSWORD) =>
    kafkaAddress(`kafkas://${USER}:${password}@${servers.kafkaSecureBrokers}${query}`);

  it.each([[''], ['?mechanism=scram-sha-256'], ['?mechanism=plain']])(
    'the worker reads and writes there%s: reactions, dead letters and their replay',
    async (query) => {
      harness = new WorkerHarness(address(query));
      await harness.start(1);
      const seen: Happening[] = [];
      let isBroken = true;
      @Controller()
      class Noting {
        @Reaction<Happening>({ name: 'note', stream: 'happenings' })
        async note(@Payload() event: Happening): Promise<void> {
          if (event.n === 2 && isBroken) throw new GiveUp('not this one');
          seen.push(event);
        }
      }
      await harness.publish({ id: 'a', document: 'd', n: 1 }, { id: 'b', document: 'd', n: 2 });
      await harness.worker([Noting]);
      await eventually(() => seen.length === 1, 'it reacts');
      const deadLetters = new DeadLetters({ ...address(query), topicPrefix: harness.prefix });
      const dead = await eventually(async () => (await deadLetters.list())[0], 'there is a dead letter');
      isBroken = false;
      await deadLetters.replay([dead.id]);
      await eventually(() => seen.some(({ n }) => n === 2), 'it reacts after all');
      const read: number[] = [];
      const log = new EventLog({ ...address(query), topicPrefix: harness.prefix });
      await log.read([harness.topic], { from: new Date(0) }, ({ value }) => read.push(JSON.parse(String(value)).n));
      expect(read).toEqual([1, 2]);
    },
  );

  it.each([
    ['a wrong password', () => address('', 'wrongHorse2'), /it refuses the user, the password or the mechanism/],
    ['a wrong password, plain', () => address('?mechanism=plain', 'wrongHorse2'), /it refuses the user, the password/],
    [
      'a CA that nobody knows',
      () => {
        setDefaultCACertificates(known);
        return address('', 'wrongHorse2');
      },
      /nobody who is known vouches for its certificate.*NODE_EXTRA_CA_CERTS/,
    ],
    [
      'TLS where none is spoken',
      () => kafkaAddress(`kafkas://${USER}:wrongHorse2@${servers.kafkaBrokers}`),
      /it does not speak TLS/,
    ],
    [
      'no TLS where it is spoken',
      () => kafkaAddress(`kafka://${USER}:wrongHorse2@${servers.kafkaSecureBrokers}`),
      /it closes the connection.*kafkas:\/\//,
    ],
    [
      'no user where one is asked for',
      () => kafkaAddress(`kafkas://${servers.kafkaSecureBrokers}`),
      /it closes the connection.*kafkas:\/\//,
    ],
  ])(
    'with %s the worker is not ready and says what to do, and the password is nowhere',
    async (_what, wrong, advice) => {
      harness = new WorkerHarness(address());
      await harness.start(1);
      const logged: string[] = [];
      const logger = createLogger('test', 'trace', {}, { write: (line) => void logged.push(line) });
      const { health } = await harness.worker([], { logger }, wrong());
      const readiness = () =>
        health.assertReady().then(
          () => 'ready',
          (error: Error) => error.message,
        );
      await eventually(async () => advice.test(await readiness()), 'it says what to do');
      expect(logged.join('')).toMatch(advice);
      expect(logged.join('') + (await readiness())).not.toContain('wrongHorse2');
    },
  );
});
