import {
  type ClinicDocument,
  type ClinicianDocument,
  fold,
  newObjectId,
  type PatientDocument,
  type PatientTag,
  type Site,
} from '@caregate/clinic-model';
import { freeName, MOST_SITES } from '../sites/site-names.ts';
import { MOST_TAGS, tagKey } from '../tags/tag-names.ts';
import { conflictsBetween, type Conflict } from './patient-conflicts.ts';

/** What a merge looks at of a patient. */
export type MergingPatient = Pick<
  PatientDocument,
  'userId' | 'fullName' | 'birthDate' | 'mrn' | 'tags' | 'sites' | 'dataSources'
>;

/** One of the two clinics, without its demo patient. */
export interface MergeSide {
  readonly clinic: ClinicDocument;
  readonly clinicians: readonly ClinicianDocument[];
  readonly patients: readonly MergingPatient[];
  /** A migration of a legacy account into the clinic has not ended. */
  readonly isMigrating: boolean;
}

export interface SettingPlan {
  readonly name: string;
  readonly matches: boolean;
}

/** A tag or site of the source, and as what the target has it afterwards. */
export interface GroupPlan<Group extends PatientTag | Site> {
  readonly group: Group;
  readonly into: Group;
  readonly action: 'MERGE' | 'MOVE';
}

export interface ClinicianPlan {
  readonly clinician: ClinicianDocument;
  readonly action: 'MERGE' | 'MOVE';
}

export interface PatientPlan {
  readonly patient: MergingPatient;
  readonly action: 'MERGE' | 'MOVE';
  readonly conflicts: readonly Conflict[];
}

/** What merging the source into the target does to what the source has; what the target has stays. */
export interface MergePlan {
  readonly source: MergeSide;
  readonly target: MergeSide;
  readonly settings: readonly SettingPlan[];
  readonly tags: readonly GroupPlan<PatientTag>[];
  readonly sites: readonly GroupPlan<Site>[];
  readonly clinicians: readonly ClinicianPlan[];
  readonly patients: readonly PatientPlan[];
  /** Why the merge is refused; they hold numbers, no person's data. */
  readonly problems: readonly string[];
}

/** Plans the merge of one clinic into another (behaviour, "Merging clinics"). Nothing is changed. */
export function planMerge(source: MergeSide, target: MergeSide): MergePlan {
  const tags = planTags(source.clinic, target.clinic);
  const sites = planSites(source.clinic, target.clinic);
  const clinicians = planClinicians(source, target);
  const patients = planPatients(source, target);
  const problems = [
    ...clinicProblems(source, target),
    ...tooMany('tags', target.clinic.patientTags.length + moved(tags).length, MOST_TAGS),
    ...tooMany('sites', target.clinic.sites.length + moved(sites).length, MOST_SITES),
    ...clinicianProblems(clinicians, target),
    ...mrnProblems(moved(patients), target),
  ];
  return {
    source,
    target,
    settings: planSettings(source.clinic, target.clinic),
    tags,
    sites,
    clinicians,
    patients,
    problems,
  };
}

const moved = <Plan extends { readonly action: string }>(plans: readonly Plan[]) =>
  plans.filter(({ action }) => action === 'MOVE');

/** The target keeps its settings; what differs is only shown, unless it makes the merge impossible. */
function planSettings(source: ClinicDocument, target: ClinicDocument): SettingPlan[] {
  const restrictionsOf = ({ membershipRestrictions = [] }: ClinicDocument) =>
    membershipRestrictions.map(({ emailDomain, requiredIdp = '' }) => `${emailDomain} ${requiredIdp}`).sort();
  const settings: [string, (clinic: ClinicDocument) => unknown][] = [
    ['mrnRequired', ({ mrnSettings }) => mrnSettings?.required ?? false],
    ['mrnUnique', ({ mrnSettings }) => mrnSettings?.unique ?? false],
    ['preferredBgUnits', ({ preferredBgUnits }) => preferredBgUnits],
    ['timezone', ({ timezone }) => timezone ?? null],
    ['membershipRestrictions', restrictionsOf],
    ['hospitalRecord', hospitalRecordOf],
  ];
  return settings.map(([name, of]) => ({ name, matches: JSON.stringify(of(source)) === JSON.stringify(of(target)) }));
}

/** A tag of the same name is the same tag. */
function planTags(source: ClinicDocument, target: ClinicDocument): GroupPlan<PatientTag>[] {
  const existing = new Map(target.patientTags.map((tag) => [tagKey(tag.name), tag]));
  return source.patientTags.map((group) => {
    const into = existing.get(tagKey(group.name));
    return into ? { group, into, action: 'MERGE' } : { group, into: { ...group, _id: newObjectId() }, action: 'MOVE' };
  });
}

/** A site is a place, so two of the same name are two: that of the source gets a number. */
function planSites(source: ClinicDocument, target: ClinicDocument): GroupPlan<Site>[] {
  const sites = [...target.sites];
  return source.sites.map((group) => {
    const into: Site = { ...group, name: freeName(sites, group.name) };
    sites.push(into);
    return { group, into, action: 'MOVE' };
  });
}

function planClinicians(source: MergeSide, target: MergeSide): ClinicianPlan[] {
  const members = new Set(target.clinicians.map(({ userId }) => userId));
  return source.clinicians.map((clinician) => ({
    clinician,
    action: clinician.userId !== undefined && members.has(clinician.userId) ? 'MERGE' : 'MOVE',
  }));
}

function planPatients(source: MergeSide, target: MergeSide): PatientPlan[] {
  const conflictsOf = conflictsBetween(target.patients);
  const members = new Set(target.patients.map(({ userId }) => userId));
  return source.patients.map((patient) => ({
    patient,
    action: members.has(patient.userId) ? 'MERGE' : 'MOVE',
    conflicts: conflictsOf(patient),
  }));
}

function clinicProblems(source: MergeSide, target: MergeSide): string[] {
  const [one, other] = [source.clinic, target.clinic];
  const accounts = new Set([one.accountId, other.accountId].filter((id) => id !== undefined));
  return [
    ...(accounts.size > 1 ? ['the clinics belong to different accounts'] : []),
    ...(source.isMigrating || target.isMigrating || !one.isMigrated || !other.isMigrated
      ? ['the migration of a legacy clinic account is not finished']
      : []),
    ...(contradict(one, other) ? ['the membership restrictions of the clinics contradict each other'] : []),
    ...(losesHospitalRecord(one, other)
      ? ['the source is connected to a hospital record and the target is not connected to the same']
      : []),
  ];
}

/** For the same domain they demand different identity providers. */
function contradict(source: ClinicDocument, target: ClinicDocument): boolean {
  const idps = new Map(
    target.membershipRestrictions?.map(({ emailDomain, requiredIdp = '' }) => [fold(emailDomain), requiredIdp]),
  );
  return (source.membershipRestrictions ?? []).some(({ emailDomain, requiredIdp = '' }) => {
    const demanded = idps.get(fold(emailDomain));
    return demanded !== undefined && demanded !== requiredIdp;
  });
}

const hospitalRecordOf = ({ ehrSettings }: ClinicDocument) =>
  ehrSettings?.enabled === true ? `${String(ehrSettings.provider)} ${String(ehrSettings.sourceId)}` : null;

const losesHospitalRecord = (source: ClinicDocument, target: ClinicDocument) =>
  hospitalRecordOf(source) !== null && hospitalRecordOf(source) !== hospitalRecordOf(target);

const tooMany = (what: string, count: number, most: number) =>
  count > most ? [`the merged clinic would have ${count} ${what}; at most ${most} are allowed`] : [];

function clinicianProblems(clinicians: readonly ClinicianPlan[], target: MergeSide): string[] {
  const moving = moved(clinicians).map(({ clinician }) => clinician);
  const invites = moving.filter(({ userId }) => userId === undefined).length;
  const emails = new Set(
    target.clinicians.flatMap(({ userId, email }) => (userId !== undefined && email ? [email] : [])),
  );
  const taken = moving.filter(({ userId, email }) => userId !== undefined && email && emails.has(email)).length;
  return [
    ...(invites > 0
      ? [`${invites} invites to clinicians of the source are still open; accept or delete them first`]
      : []),
    ...(taken > 0 ? [`${taken} clinicians of the source have the email of another clinician of the target`] : []),
  ];
}

function mrnProblems(moving: readonly PatientPlan[], target: MergeSide): string[] {
  const { required = false, unique = false } = target.clinic.mrnSettings ?? {};
  const mrns = moving.map(({ patient: { mrn = '' } }) => mrn);
  const missing = mrns.filter((mrn) => mrn === '').length;
  const timesSeen = new Map<string, number>();
  for (const mrn of [...mrns, ...target.patients.map(({ mrn = '' }) => mrn)])
    timesSeen.set(mrn, (timesSeen.get(mrn) ?? 0) + 1);
  const shared = mrns.filter((mrn) => mrn !== '' && (timesSeen.get(mrn) ?? 0) > 1).length;
  return [
    ...(required && missing > 0 ? [`the target requires MRNs, and ${missing} patients of the source have none`] : []),
    ...(unique && shared > 0
      ? [
          `MRN uniqueness error: the target requires unique MRNs, and ${shared} patients of the source have one that is not`,
        ]
      : []),
  ];
}
