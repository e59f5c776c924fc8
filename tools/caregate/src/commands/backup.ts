import { topicsOf } from '@caregate/change-events/topics';
import { Command } from 'commander';
import mongoose, { type Connection } from 'mongoose';
import { Archive, type Manifest } from '../backup/archive.ts';
import { ChangeEventPlaces } from '../backup/change-events.ts';
import {
  empty,
  eventsSince,
  makeRoom,
  notedDealtWith,
  noteDealtWith,
  restoreDatabase,
  settle,
} from '../backup/restore-database.ts';
import { takeBackup } from '../backup/take-backup.ts';
import { assertSameShard, claimRestored, ownerInBackup, ownerOfDatabase } from '../backup/ownership.ts';
import { setting, shardSettings } from '../settings.ts';
import { withDatabase } from '../with-database.ts';

/** `caregate backup`: a shard's clinic database, as it is at one moment. */
export function backupCommand(): Command {
  return new Command('backup')
    .description(
      'write the clinic database of a shard, as it is at one moment, into a folder; the apps go on meanwhile',
    )
    .requiredOption('--to <folder>', 'an empty folder, or one that is made; it will hold medical data')
    .addHelpText(
      'after',
      '\nThe shard is the one of MONGODB_URI. The folder is laid out as by mongodump --gzip, with a manifest and checksums.',
    )
    .option('--json', 'the manifest as one JSON object')
    .action(({ to, json }: { to: string; json?: boolean }) =>
      withDatabase('MONGODB_URI', (connection) => backup(connection, new Archive(to), json)),
    );
}

/** `caregate restore`: a shard from such a folder. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('put a backup into an empty clinic database, and set the shard’s change events behind it')
    .requiredOption('--from <folder>', 'what caregate backup wrote')
    .option('--again', 'remove what a restore left that was cut off, and begin anew')
    .option('--database-only', 'leave gatekeeper, Kafka and Kafka Connect alone: they are as new as the database')
    .addHelpText(
      'after',
      `
All apps of the shard must be stopped. MONGODB_URI is the clinic database, which must be empty. GATEKEEPER_MONGODB_URI, KAFKA_BROKERS,
CONNECT_URL, SHARD_ID, and TOPIC_PREFIX and USER_EVENTS_TOPIC where they have them, are those of the apps: the gatekeeper database is emptied and copied anew when the
apps start, connectors forget their places, and events that tell of the time after the backup are ignored. What was open at the moment of the
backup and can be repeated, such as the end of a user's records, is repeated; emails are not sent again.`,
    )
    .action((options: RestoreOptions) => withDatabase('MONGODB_URI', (connection) => restore(connection, options)));
}

interface RestoreOptions {
  readonly from: string;
  readonly again?: boolean;
  readonly databaseOnly?: boolean;
}

async function backup(connection: Connection, archive: Archive, json = false): Promise<void> {
  const manifest = await takeBackup(connection, archive, json ? () => undefined : say);
  if (json) say(JSON.stringify(manifest));
}

async function restore(
  connection: Connection,
  { from, again = false, databaseOnly = false }: RestoreOptions,
): Promise<void> {
  const archive = new Archive(from);
  const manifest = await archive.manifest();
  for (const collection of manifest.collections) await archive.verify(collection);
  say(`The backup is whole: ${manifest.collections.length} collections as of ${timeOf(manifest).toISOString()}.`);
  const events = databaseOnly ? undefined : new ChangeEventPlaces(eventPlace());
  if (!databaseOnly) setting('GATEKEEPER_MONGODB_URI', 'the gatekeeper database');
  const owner = await ownerInBackup(archive, manifest);
  const shardId = process.env['SHARD_ID'] || owner?.shardId;
  assertSameShard(shardId, 'the backup', owner);
  if (events)
    await withDatabase('GATEKEEPER_MONGODB_URI', async (gatekeeper) =>
      assertSameShard(shardId, 'the gatekeeper database', await ownerOfDatabase(gatekeeper)),
    );
  await events?.assertOf(shardId);
  const dealtWith = events && ((await notedDealtWith(connection)) ?? (await events.dealtWith()));
  await makeRoom(connection, again);
  if (dealtWith) await noteDealtWith(connection, dealtWith);
  const forgotten = await events?.forgetConnectors();
  if (forgotten) say(`Connectors removed, and their places forgotten: ${forgotten.join(', ') || 'none'}.`);
  await restoreDatabase(connection, archive, manifest, say);
  const since = await eventsSince(connection, timeOf(manifest));
  if (events && dealtWith) {
    await withDatabase('GATEKEEPER_MONGODB_URI', (gatekeeper) => empty(gatekeeper));
    await events.setBack(since, dealtWith);
    await events.forgetOwner();
  }
  await claimRestored(connection, events !== undefined);
  const backup = new mongoose.mongo.Timestamp(manifest.clusterTime);
  await settle(connection, dealtWith && { backup, since, dealtWith }, say);
  say('Restored. Start the apps: gatekeeper-sync copies the permissions anew.');
}

const timeOf = ({ clusterTime }: Manifest) => new Date(clusterTime.t * 1_000);

function eventPlace() {
  const shard = shardSettings();
  return {
    ...shard,
    connectUrl: setting('CONNECT_URL', 'the REST interface of Kafka Connect'),
    userEventsTopic: process.env['USER_EVENTS_TOPIC'] || topicsOf(shard.topicPrefix).userEvents,
  };
}

const say = (line: string) => process.stdout.write(`${line}\n`);
