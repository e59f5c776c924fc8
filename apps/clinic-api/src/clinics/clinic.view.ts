import type { ClinicCounts, ClinicDocument, PatientTag, Site } from '@caregate/clinic-model';
import { tierDescription } from './tiers.ts';

/** What a legacy clinic must have told before its patients can be migrated (behaviour, "Clinics"). */
const PROFILE = [
  'address',
  'city',
  'clinicType',
  'country',
  'name',
  'postalCode',
  'preferredBgUnits',
  'state',
] as const;

/** Says whether a legacy clinic has told enough about itself. */
export const hasCompleteProfile = (clinic: ClinicDocument) =>
  clinic.admins.length > 0 && PROFILE.every((field) => clinic[field] !== undefined && clinic[field] !== '');

export const canMigrate = (clinic: ClinicDocument) => !clinic.isMigrated && hasCompleteProfile(clinic);

type Counts = Pick<ClinicCounts, 'tags' | 'sites'>;
export const NO_COUNTS: Counts = { tags: {}, sites: {} };

/** A clinic as clients see it. What it does not have is left out, as are empty lists and counts of nothing. */
export function clinicView(clinic: ClinicDocument, counts: Counts = NO_COUNTS) {
  const { _id, name, tier, preferredBgUnits, phoneNumbers = [], patientTags, sites, suppressedNotifications } = clinic;
  return {
    id: _id.toHexString(),
    name,
    shareCode: clinic.canonicalShareCode,
    canMigrate: canMigrate(clinic),
    clinicType: clinic.clinicType,
    clinicSize: clinic.clinicSize,
    address: clinic.address,
    city: clinic.city,
    postalCode: clinic.postalCode,
    state: clinic.state,
    country: clinic.country,
    website: clinic.website,
    timezone: clinic.timezone,
    phoneNumbers: ifAny(phoneNumbers.map(({ type, number }) => ({ type, number }))),
    patientTags: ifAny(patientTags.map((tag) => tagView(tag, counts))),
    sites: ifAny(sites.map((site) => ({ ...named(site), numPatients: ifSome(counts.sites[site._id.toHexString()]) }))),
    suppressedNotifications: suppressedNotifications && {
      patientClinicInvitation: suppressedNotifications.patientClinicInvitation,
    },
    tier,
    tierDescription: tierDescription(tier),
    preferredBgUnits,
    createdTime: clinic.createdTime,
    updatedTime: clinic.updatedTime,
  };
}

export type ClinicView = ReturnType<typeof clinicView>;

/** A tag by itself or in its clinic. */
export const tagView = (tag: PatientTag, { tags }: Pick<Counts, 'tags'> = NO_COUNTS) => ({
  ...named(tag),
  numPatients: ifSome(tags[tag._id.toHexString()]),
});

/** A site as the operations on sites answer it: the count has another name there, which clients rely on. */
export const siteView = (site: Site, { sites }: Pick<Counts, 'sites'> = NO_COUNTS) => ({
  ...named(site),
  patients: ifSome(sites[site._id.toHexString()]),
});

const named = ({ _id, name }: PatientTag | Site) => ({ id: _id.toHexString(), name });
const ifAny = <T>(list: T[]) => (list.length > 0 ? list : undefined);
const ifSome = (count = 0) => (count > 0 ? count : undefined);
