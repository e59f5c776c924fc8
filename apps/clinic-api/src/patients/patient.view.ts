import type {
  DataSource,
  PatientDocument,
  PatientPermissions,
  PatientReview,
  PatientSite,
} from '@caregate/clinic-model';
import type { ClinicSchemas } from '@caregate/contracts';
import { type StoredSummary, summaryView } from './summaries.ts';
import { wireTime, wireTimeIfAny } from './wire-time.ts';

/** Providers that a patient can be asked to connect; each has its list of requests, also an empty one. */
export const PROVIDERS = ['dexcom', 'twiist', 'abbott'] as const;
export type Provider = (typeof PROVIDERS)[number];

export type PatientView = ClinicSchemas['Patient'];

/** A patient as clients see it: what is not known is left out, but a patient without tags or data sources has null there. */
export function patientView(patient: PatientDocument): PatientView {
  const { tags, dataSources, permissions } = patient;
  return {
    id: patient.userId,
    email: patient.email,
    fullName: patient.fullName,
    birthDate: patient.birthDate,
    mrn: patient.mrn,
    tags: tagIds(tags),
    targetDevices: patient.targetDevices && [...patient.targetDevices],
    permissions: Object.keys(permissions).length > 0 ? permissionsView(permissions) : undefined,
    createdTime: wireTime(patient.createdTime),
    updatedTime: wireTime(patient.updatedTime),
    dataSources: dataSources?.map(dataSourceView) ?? null,
    lastUploadReminderTime: wireTimeIfAny(patient.lastUploadReminderTime),
    // Written by `summaryChanges` only.
    summary: patient.summary && summaryView(patient.summary as StoredSummary),
    reviews: reviewsView(patient.reviews),
    connectionRequests: connectionRequestsView(patient),
    sites: patient.sites.map(siteView),
    // Kept as the contract's own form.
    glycemicRanges: patient.glycemicRanges as PatientView['glycemicRanges'],
    diagnosisType: patient.diagnosisType as PatientView['diagnosisType'],
  };
}

export const tagIds = (tags: PatientDocument['tags']) =>
  tags.length > 0 ? tags.map((tag) => tag.toHexString()) : null;

export const permissionsView = ({
  custodian,
  view,
  note,
  upload,
}: PatientPermissions): ClinicSchemas['PatientPermissions'] => ({
  custodian,
  view,
  note,
  upload,
});

export const reviewsView = (reviews: readonly PatientReview[] = []) =>
  reviews.map(({ clinicianId, time }) => ({ clinicianId, time: wireTime(time) }));

export function dataSourceView(source: DataSource): ClinicSchemas['DataSource'] {
  return {
    // The contract lets nothing else in.
    state: source.state as ClinicSchemas['DataSource']['state'],
    providerName: source.providerName,
    dataSourceId: source.dataSourceId?.toHexString(),
    modifiedTime: wireTimeIfAny(source.modifiedTime),
    expirationTime: wireTimeIfAny(source.expirationTime),
    latestDataTime: wireTimeIfAny(source.latestDataTime),
  };
}

function connectionRequestsView({ connectionRequests = {} }: PatientDocument): PatientView['connectionRequests'] {
  const of = (provider: Provider) =>
    (connectionRequests[provider] ?? []).map(({ createdTime }) => ({
      providerName: provider,
      createdTime: wireTime(createdTime),
    }));
  return { dexcom: of('dexcom'), twiist: of('twiist'), abbott: of('abbott') };
}

const siteView = ({ _id, name }: PatientSite) => ({ id: _id.toHexString(), name });
