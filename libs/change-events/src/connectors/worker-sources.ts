import type {
  ArchiveDocument,
  ClinicianDocument,
  MigrationDocument,
  PatientDocument,
  PatientInviteDocument,
  SignUpDocument,
} from '@caregate/clinic-model';
import mongoose, { type Connection, type Types } from 'mongoose';
import { IN_NO_TOPIC, type RawMessage } from '../runtime/event-stream.ts';
import { topicsOf, type Topics } from '../topics.ts';
import { type ConnectorDefinition, type ConnectorPlace, type SourceStart, sourceConnector } from './definition.ts';
import { changePipeline, type Stage, WITHOUT_LARGE_DOCUMENT } from './pipeline.ts';

/**
 * What the worker is told of each collection: ids, and what decides whether a handler has anything to do. Names, addresses and everything
 * else is read from the database by the handler, so that topics hold nobody's data and no document is too large for its event.
 */
const clinicianFields = ['clinicId', 'inviteSentTime'] as const satisfies (keyof ClinicianDocument)[];
const patientFields = [
  'clinicId',
  'userId',
  'permissions',
  'lastUploadReminderTime',
] as const satisfies (keyof PatientDocument)[];
const migrationFields = ['clinicId', 'userId', 'status'] as const satisfies (keyof MigrationDocument)[];
const inviteFields = ['clinicId', 'userId'] as const satisfies (keyof PatientInviteDocument)[];
const archiveFields = ['documentId', 'clinicId', 'userId', 'custodial'] as const satisfies (keyof ArchiveDocument)[];

/** Changes of these are told by name; the values stay in the database. */
const patientWatched = [
  'userId',
  'fullName',
  'birthDate',
  'email',
  'mrn',
  'targetDevices',
  'diagnosisType',
  'permissions',
  'connectionRequests',
  'lastUploadReminderTime',
] as const satisfies (keyof PatientDocument)[];

type Of<Document extends { _id: unknown }, Fields extends readonly (keyof Document)[]> = Pick<
  Document,
  '_id' | Fields[number]
>;

/** `fullDocument` of the events on each of the worker's topics. */
export type ChangedClinic = { readonly _id: Types.ObjectId };
export type ChangedClinician = Of<ClinicianDocument, typeof clinicianFields>;
export type ChangedPatient = Of<PatientDocument, typeof patientFields>;
export type ChangedMigration = Of<MigrationDocument, typeof migrationFields>;
export type ChangedSignUp = Pick<SignUpDocument, '_id'>;
export type ChangedPatientInvite = Of<PatientInviteDocument, typeof inviteFields>;
export type ArchivedPatient = Of<ArchiveDocument, typeof archiveFields>;

/** The topics that the worker's sources fill, by their names in `topicsOf`. */
export type WorkerTopic =
  'clinics' | 'clinicians' | 'patients' | 'migrations' | 'patientInvites' | 'signUps' | 'patientArchives';

interface WorkerSource {
  readonly topic: WorkerTopic & keyof Topics;
  readonly collection: string;
  readonly fields: readonly string[];
  readonly watched: readonly string[];
}

const SOURCES: readonly WorkerSource[] = [
  { topic: 'clinics', collection: 'clinics', fields: [], watched: ['name', 'admins', 'patientTags'] },
  {
    topic: 'clinicians',
    collection: 'clinicians',
    fields: clinicianFields,
    watched: ['roles', 'rolesUpdates', 'inviteSentTime'],
  },
  { topic: 'patients', collection: 'patients', fields: patientFields, watched: patientWatched },
  { topic: 'migrations', collection: 'migrations', fields: migrationFields, watched: ['status'] },
  { topic: 'patientInvites', collection: 'patient_invites', fields: inviteFields, watched: ['createdTime'] },
  { topic: 'signUps', collection: 'sign_ups', fields: [], watched: ['createdTime'] },
  // An archive of an earlier version gets its ids by an update.
  { topic: 'patientArchives', collection: 'patients_deletions', fields: archiveFields, watched: ['documentId'] },
];

/** The collections that the worker is told of. */
export const workerCollections: readonly string[] = SOURCES.map(({ collection }) => collection);

/** When a document of the worker's collections was last written or is to be acted on: by these a snapshot leaves out what is older. */
const TIMES = ['updatedTime', 'createdTime', 'inviteSentTime', 'lastUploadReminderTime'] as const;

/** Nobody notices by how much a reaction is later; the broker and the worker have a fraction of the requests under load. */
const LINGER_MS = 25;

/** The source connectors whose topics the worker reads, one a collection. `start` is where a source without an offset begins. */
export function workerConnectors(place: ConnectorPlace, start: SourceStart): ConnectorDefinition[] {
  const topics = topicsOf(place.prefix);
  return SOURCES.map(({ topic, collection, fields, watched }) =>
    sourceConnector({
      name: topics[topic],
      uri: place.clinicUri,
      reference: place.clinicReference,
      collections: [collection],
      topic: topics[topic],
      pipeline: changePipeline({ fields, watched }),
      heartbeats: topics.heartbeats,
      times: TIMES,
      lingerMs: LINGER_MS,
      start,
    }),
  );
}

/** Documents of a collection as events, as its source sends them when it has to copy. */
export interface Copies {
  readonly connection: Connection;
  /** Of the topics. */
  readonly prefix: string;
  readonly topic: WorkerTopic;
  /** Which documents; those that changed since a time unless given. */
  readonly match?: Stage;
  /** What happened before this time is done: a time, or the path of one in the document. */
  readonly since: Date | `$${string}`;
  /** When the events count as sent: part of their ids. A time, or the path of one in the document. */
  readonly time: Date | `$${string}`;
}

/** Reads documents from the database as events that a source would copy of them, without the source. */
export async function* copiedEvents({
  connection,
  prefix,
  topic,
  since,
  time,
  match,
}: Copies): AsyncGenerator<RawMessage> {
  const source = SOURCES.find((each) => each.topic === topic);
  if (!source) return;
  const { collection, fields, watched } = source;
  const recent = { $or: TIMES.map((field) => ({ [field]: { $gte: since } })) };
  const db = connection.getClient().db(connection.name);
  const sent = db.collection(collection).aggregate([
    { $match: match ?? recent },
    { $set: { changedSince: since, sentTime: time } },
    {
      $project: {
        _id: { _id: '$_id', copyingData: { $literal: true } },
        operationType: { $literal: 'insert' },
        ns: { db: { $literal: connection.name }, coll: { $literal: collection } },
        documentKey: { _id: '$_id' },
        fullDocument: '$$ROOT',
      },
    },
    ...changePipeline({ fields: [...fields, 'sentTime'], watched }),
    WITHOUT_LARGE_DOCUMENT,
  ] as Record<string, unknown>[]); // the driver's stages may be changed
  for await (const { fullDocument: { sentTime = new Date(), ...fullDocument } = {}, ...event } of sent) {
    const value = mongoose.mongo.BSON.EJSON.stringify({ ...event, fullDocument }, { relaxed: false });
    yield {
      topic: topicsOf(prefix)[topic],
      partition: 0,
      offset: IN_NO_TOPIC,
      key: Buffer.from(String(event['documentKey']._id)),
      value: Buffer.from(value),
      headers: {},
      time: sentTime,
    };
  }
}

/** All of the worker's topics that a source copies documents to. */
export const workerTopics: readonly WorkerTopic[] = SOURCES.map(({ topic }) => topic);
