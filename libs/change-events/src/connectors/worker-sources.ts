import type {
  ClinicDocument,
  ClinicianDocument,
  MigrationDocument,
  PatientDocument,
  PatientInviteDocument,
} from '@caregate/clinic-model';
import { topicsOf, type Topics } from '../topics.ts';
import { type ConnectorDefinition, type ConnectorPlace, sourceConnector } from './definition.ts';
import { changePipeline } from './pipeline.ts';

/**
 * What the worker is told of each collection: the fields that some reaction uses (behaviour, "Change events and the worker"), no others.
 * It holds names and email addresses, for the worker writes emails; summaries, reviews, tags and searches stay where they are.
 */
const clinicFields = [
  'name',
  'admins',
  'patientTags',
  'suppressedNotifications',
] as const satisfies (keyof ClinicDocument)[];
const clinicianFields = [
  'clinicId',
  'userId',
  'inviteId',
  'inviteSentTime',
  'email',
  'name',
  'roles',
  'rolesUpdates',
  'isServiceAccount',
] as const satisfies (keyof ClinicianDocument)[];
const patientFields = [
  'clinicId',
  'userId',
  'fullName',
  'birthDate',
  'email',
  'mrn',
  'targetDevices',
  'permissions',
  'isMigrated',
  'invitedBy',
  'connectionRequests',
  'lastUploadReminderTime',
] as const satisfies (keyof PatientDocument)[];
const migrationFields = [
  'clinicId',
  'userId',
  'status',
  'attestationTime',
  'createdTime',
] as const satisfies (keyof MigrationDocument)[];
const inviteFields = ['clinicId', 'userId', 'createdTime'] as const satisfies (keyof PatientInviteDocument)[];

type Of<Document extends { _id: unknown }, Fields extends readonly (keyof Document)[]> = Pick<
  Document,
  '_id' | Fields[number]
>;

/** `fullDocument` of the events on each of the worker's topics. */
export type ChangedClinic = Of<ClinicDocument, typeof clinicFields>;
export type ChangedClinician = Of<ClinicianDocument, typeof clinicianFields>;
export type ChangedPatient = Of<PatientDocument, typeof patientFields>;
export type ChangedMigration = Of<MigrationDocument, typeof migrationFields>;
export type ChangedPatientInvite = Of<PatientInviteDocument, typeof inviteFields>;

interface WorkerSource {
  readonly topic: keyof Topics;
  readonly collection: string;
  readonly fields: readonly string[];
  readonly watched: readonly string[];
  /** Whether reactions compare with the document before the change; the collection then keeps pre-images. */
  readonly beforeChange?: boolean;
}

const SOURCES: readonly WorkerSource[] = [
  {
    topic: 'clinics',
    collection: 'clinics',
    fields: clinicFields,
    watched: ['name', 'admins', 'patientTags'],
    beforeChange: true,
  },
  {
    topic: 'clinicians',
    collection: 'clinicians',
    fields: clinicianFields,
    watched: ['roles', 'rolesUpdates', 'inviteSentTime'],
    beforeChange: true,
  },
  {
    topic: 'patients',
    collection: 'patients',
    fields: patientFields,
    watched: patientFields.filter((field) => field !== 'clinicId' && field !== 'invitedBy'),
  },
  { topic: 'migrations', collection: 'migrations', fields: migrationFields, watched: ['status'] },
  { topic: 'patientInvites', collection: 'patient_invites', fields: inviteFields, watched: ['createdTime'] },
];

/** The collections that the worker is told of. */
export const workerCollections: readonly string[] = SOURCES.map(({ collection }) => collection);

/** Collections that must keep pre-images, so that events can tell what a document was before. */
export const collectionsWithPreImages: readonly string[] = SOURCES.filter(({ beforeChange }) => beforeChange).map(
  ({ collection }) => collection,
);

/** Nobody notices by how much a reaction is later; the broker and the worker have a fraction of the requests under load. */
const LINGER_MS = 25;

/** The source connectors whose topics the worker reads, one a collection. `startAt` is where a source without an offset begins. */
export function workerConnectors(
  place: ConnectorPlace,
  startAt: { readonly t: number; readonly i: number },
): ConnectorDefinition[] {
  const topics = topicsOf(place.prefix);
  return SOURCES.map(({ topic, collection, fields, watched, beforeChange = false }) =>
    sourceConnector({
      name: topics[topic],
      uri: place.clinicUri,
      reference: place.clinicReference,
      collections: [collection],
      topic: topics[topic],
      pipeline: changePipeline({ fields, watched }),
      heartbeats: topics.heartbeats,
      beforeChange,
      lingerMs: LINGER_MS,
      start: { mode: 'timestamp', at: JSON.stringify({ $timestamp: startAt }) },
    }),
  );
}
