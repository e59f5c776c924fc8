import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caregate } from '../operator-command.ts';
import type { Seeded } from '../pauses/seeded.ts';
import { type FaultRun, type Pause, type Sleeper, SLEEPERS } from './fault-run.ts';

/** What is done while a part stands still. */
export interface Happening {
  readonly name: string;
  readonly sleepers: readonly Sleeper[];
  play(run: FaultRun, pause: Pause): Promise<void>;
}

const CHANGES = 40;
const DELETIONS = 12;
const BEFORE_RESTORE_MS = 600_000;

/** Whatever part pauses, the apps work on; during a restore they are stopped. */
export const HAPPENINGS: readonly Happening[] = [
  {
    name: 'a burst of permission changes',
    sleepers: SLEEPERS,
    play: (run, pause) => run.pauseDuring(pause, () => run.everywhere((life) => life.burstOfPermissions(CHANGES))),
  },
  {
    name: 'a burst of deletions',
    sleepers: SLEEPERS,
    play: async (run, pause) => {
      await run.everywhere((life) => life.admitMany(DELETIONS));
      await run.pauseDuring(pause, () => run.everywhere((life) => life.burstOfDeletions(DELETIONS)));
    },
  },
  { name: 'a backup', sleepers: SLEEPERS, play: (run, pause) => inFolder((folder) => backUp(run, pause, folder)) },
  {
    name: 'a restore',
    sleepers: ['mongod', 'kafka', 'connect'],
    play: (run, pause) => inFolder((folder) => restore(run, pause, folder)),
  },
];

/** Draws what stands still, for how long, and how soon. */
export const drawPause = (lot: Seeded, { sleepers }: Happening, seconds: readonly number[]): Pause => ({
  part: lot.one(sleepers),
  seconds: lot.one(seconds),
  afterMs: lot.below(2_000),
});

/** A backup of people at work holds whatever was accepted before it began. */
async function backUp(run: FaultRun, pause: Pause, folder: string): Promise<void> {
  const { servers, scene } = run;
  const before = [...run.accepted.patients];
  const command = () => caregate({ servers, shard: scene.shard }, 'backup', '--to', folder);
  await run.pauseDuring(pause, () =>
    untilItWorks(async () => {
      await rm(folder, { recursive: true, force: true }); // as whoever repeats a backup does
      return command();
    }),
  );
  const name = `copy_${randomBytes(4).toString('hex')}`;
  const uri = new URL(scene.shard.mongodbUri);
  uri.pathname = `/${name}`;
  const elsewhere = { servers, shard: scene.shard, env: { MONGODB_URI: uri.href } };
  const restored = await caregate(elsewhere, 'restore', '--from', folder, '--database-only');
  if (restored.code !== 0) throw new Error(`the backup cannot be restored: ${restored.said}`);
  const copy = run.mongo.db(name);
  const there = new Set(await copy.collection('patients').distinct('userId'));
  const deleted = new Set([...run.accepted.deletedUsers, ...run.accepted.deletedPatients]);
  const missing = before.filter((userId) => !there.has(userId) && !deleted.has(userId));
  if (missing.length > 0) run.failures.push(`patients that the backup lacks: ${missing.join()}`);
  await copy.dropDatabase();
}

/**
 * The database is lost when nobody is at work, and restored from a backup of a moment before. Emails about what was changed just before may not have
 * been sent by then, so they are made up afterwards as docs/operations.md says.
 */
async function restore(run: FaultRun, pause: Pause, folder: string): Promise<void> {
  const { servers, scene } = run;
  const { api, worker, sync } = scene.shard;
  const command = (...args: string[]) => caregate({ servers, shard: scene.shard }, ...args);
  await run.settle();
  const backup = await command('backup', '--to', folder);
  if (backup.code !== 0) throw new Error(`no backup: ${backup.said}`);
  const lost = new Date();
  await Promise.all([api, worker, sync].map((app) => app.stop()));
  await scene.clinicDb.dropDatabase();
  let again: string[] = [];
  await run.pauseDuring(pause, () =>
    untilItWorks(async () => {
      const answer = await command('restore', '--from', folder, ...again);
      again = answer.said.includes('--again') ? ['--again'] : again;
      return answer;
    }),
  );
  await Promise.all([api, worker, sync].map((app) => app.start()));
  const from = new Date(lost.getTime() - BEFORE_RESTORE_MS);
  const replay = await command('events', 'replay', '--from', from.toISOString(), '--to', lost.toISOString());
  if (replay.code !== 0) throw new Error(`no replay: ${replay.said}`);
  run.startWriting();
}

/** A command that could not reach a server says so, and is given once more, as its message says. */
async function untilItWorks(command: () => Promise<{ code: number; said: string }>): Promise<void> {
  const told: string[] = [];
  for (let n = 0; n < 30; n++) {
    const { code, said } = await command();
    if (code === 0) return;
    if (/\n\s+at /.test(said)) throw new Error(`a stack trace: ${said}`);
    told.push(said);
  }
  throw new Error(`it never worked: ${told.at(-1)}`);
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(tmpdir(), `caregate-pauses-${randomBytes(4).toString('hex')}`);
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
