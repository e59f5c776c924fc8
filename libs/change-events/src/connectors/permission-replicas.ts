import { type ClinicianDocument, type PatientDocument, SHARING } from '@caregate/clinic-model';
import { topicsOf } from '../topics.ts';
import { type ConnectorDefinition, type ConnectorPlace, replicaSink, sourceConnector } from './definition.ts';
import { replicaPipeline } from './pipeline.ts';

/** The field of a canary that counts up. */
const SENT = 'sent';

/** Where canary documents arrive in the gatekeeper database. */
export const CANARIES = 'canaries';

/** One replica of the gatekeeper database: whose rows it holds, and which fields. Ids and permissions, nothing else (design, decision 6). */
export interface PermissionReplica {
  readonly topic: 'patientPermissions' | 'clinicianPermissions';
  /** In the clinic database. */
  readonly collection: string;
  /** In the gatekeeper database. */
  readonly replica: string;
  readonly fields: readonly string[];
  /** In the clinic database: documents that travel the same way as the rows and show when they arrived. */
  readonly canaries: string;
}

export const permissionReplicas: readonly PermissionReplica[] = [
  {
    topic: 'patientPermissions',
    collection: 'patients',
    replica: 'patient_permissions',
    fields: ['userId', 'clinicId', 'permissions'] satisfies (keyof PatientDocument)[],
    canaries: 'patient_permission_canaries',
  },
  {
    topic: 'clinicianPermissions',
    collection: 'clinicians',
    replica: 'clinician_permissions',
    fields: ['userId', 'clinicId', 'inviteId', 'roles'] satisfies (keyof ClinicianDocument)[],
    canaries: 'clinician_permission_canaries',
  },
  {
    // Few and rarely changed: it travels with the patients' permissions, which spares it a connector of its own.
    topic: 'patientPermissions',
    collection: SHARING,
    replica: SHARING,
    fields: ['sharerId', 'userId', 'permissions'],
    canaries: 'patient_permission_canaries',
  },
];

/** The streams that replicas travel by: one replica of each, which stands for all that share its topic. */
export const permissionStreams: readonly PermissionReplica[] = permissionReplicas.filter(
  ({ topic }, n) => permissionReplicas.findIndex((other) => other.topic === topic) === n,
);

/** The stream whose connector has this name; undefined for connectors of other topics. */
export function permissionStreamOf(prefix: string, connector: string): PermissionReplica['topic'] | undefined {
  const topics = topicsOf(prefix);
  return permissionStreams.find(({ topic }) => connector.startsWith(`${topics[topic]}.`))?.topic;
}

/**
 * Per topic a source and a sink. A source that has no offset yet first copies what there is, so that nothing from before its
 * time is missing; the sink replaces whole rows, so that copying a row twice changes nothing. Canaries are not copied: a copied one could be
 * sent before rows that are older than it. A canary that is counted up during the copy follows it.
 */
export function permissionConnectors(place: ConnectorPlace): ConnectorDefinition[] {
  const topics = topicsOf(place.prefix);
  return permissionStreams.flatMap(({ topic, canaries }) => {
    const replicas = permissionReplicas.filter((replica) => replica.topic === topic);
    const fields = new Set(replicas.flatMap((replica) => replica.fields));
    const renamed = Object.fromEntries(replicas.map(({ collection, replica }) => [collection, replica]));
    return [
      sourceConnector({
        name: `${topics[topic]}.source`,
        uri: place.clinicUri,
        reference: place.clinicReference,
        collections: [...Object.keys(renamed), canaries],
        topic: topics[topic],
        pipeline: replicaPipeline(
          { fields: [...fields, SENT] },
          { ...renamed, [canaries]: CANARIES },
          { collection: canaries, field: SENT },
        ),
        heartbeats: topics.heartbeats,
        notCopied: [canaries],
        start: { mode: 'copy_existing' },
      }),
      replicaSink({
        name: `${topics[topic]}.sink`,
        uri: place.gatekeeperUri,
        reference: place.gatekeeperReference,
        topic: topics[topic],
        tasks: place.sinkTasks,
      }),
    ];
  });
}
