import { eventually } from '@caregate/eventually';
import { randomBytes } from 'node:crypto';
import { type Connection, createConnection } from 'mongoose';
import { LeasedJob } from './leased-job.ts';
import { createLogger } from './log.ts';

const { MONGODB_URI } = process.env;
const describeWithMongo = MONGODB_URI ? describe : describe.skip;

const logger = createLogger('test', 'silent');

/** Counts its runs. */
class Counting extends LeasedJob {
  runs = 0;

  constructor(connection: Connection, name: string, everySeconds: number) {
    super({ connection, logger, name, everySeconds });
  }

  override async run(): Promise<void> {
    this.runs++;
  }
}

describeWithMongo('a job that one copy of an app does, by a lease in a real MongoDB', () => {
  const uri = new URL(MONGODB_URI ?? '');
  uri.pathname = `/leased_${randomBytes(4).toString('hex')}`;
  const connection = createConnection();
  const begun: LeasedJob[] = [];

  beforeAll(() => connection.openUri(uri.href));
  afterEach(() => Promise.all(begun.splice(0).map((job) => job.beforeApplicationShutdown())));
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  function begin(name: string, everySeconds: number, on: Connection = connection): Counting {
    const job = new Counting(on, name, everySeconds);
    begun.push(job);
    job.onApplicationBootstrap();
    return job;
  }

  it('is run by one of several copies, and not by another before it is due again', async () => {
    const copies = [1, 2, 3, 4].map(() => begin('one', 3_600));
    const runs = () => copies.reduce((sum, { runs: each }) => sum + each, 0);
    await eventually(() => runs() === 1);
    await Promise.all(begun.splice(0).map((job) => job.beforeApplicationShutdown()));
    const late = begin('one', 3_600);
    await late.beforeApplicationShutdown();
    expect(runs() + late.runs).toBe(1);
  });

  it('is run again when it is due', async () => {
    const job = begin('again', 0.2);
    await eventually(() => job.runs >= 3);
  });

  it('is run soon after the database can be reached, however seldom it is due', async () => {
    const later = createConnection();
    later.set('bufferCommands', false);
    const job = begin('later', 3_600, later);
    await later.openUri(uri.href);
    try {
      await eventually(() => job.runs === 1);
    } finally {
      await later.close();
    }
  });
});
