import type { ClinicianDocument, PatientTag, Site } from '@caregate/clinic-model';
import type { ClinicSchemas } from '@caregate/contracts';
import { stringify } from 'csv-stringify/sync';
import type { GroupPlan, MergePlan, MergeSide, MergingPatient, PatientPlan } from './merge-plan.ts';

export type MergeReport = ClinicSchemas['MergeReport'];

/** A plan as people read it: first what comes from the source, then what the target has. */
export function reportOf(plan: MergePlan): MergeReport {
  const { source, target, problems } = plan;
  return {
    source: nameOf(source),
    target: nameOf(target),
    canMerge: problems.length === 0,
    problems: [...problems],
    settings: plan.settings.map(({ name, matches }) => ({ name, matches })),
    tags: groups(
      plan.tags,
      target.clinic.patientTags,
      (side, tag) => side.patients.filter(({ tags }) => tags.some((id) => id.equals(tag._id))).length,
      plan,
    ),
    sites: groups(
      plan.sites,
      target.clinic.sites,
      (side, site) => side.patients.filter(({ sites }) => sites.some(({ _id }) => _id.equals(site._id))).length,
      plan,
    ),
    clinicians: [
      ...plan.clinicians.map(({ clinician, action }) => clinicianOf(clinician, action, 'source')),
      ...targetClinicians(plan),
    ],
    patients: [
      ...plan.patients.map(({ patient, action, conflicts }) => patientOf(patient, action, 'source', conflicts)),
      ...targetPatients(plan),
    ],
  };
}

const nameOf = ({ clinic: { _id, name } }: MergeSide) => ({ id: _id.toHexString(), name });

function groups<Group extends PatientTag | Site>(
  plans: readonly GroupPlan<Group>[],
  targetGroups: readonly Group[],
  patientsIn: (side: MergeSide, group: Group) => number,
  { source, target }: MergePlan,
): MergeReport['tags'] {
  const mergedInto = new Set(plans.filter(({ action }) => action === 'MERGE').map(({ into }) => into));
  return [
    ...plans.map(({ group, into, action }) => ({
      name: group.name,
      from: 'source' as const,
      ...(action === 'MOVE' && into.name !== group.name && { newName: into.name }),
      action,
      patients: patientsIn(source, group),
    })),
    ...targetGroups.map((group) => ({
      name: group.name,
      from: 'target' as const,
      action: mergedInto.has(group) ? ('MERGE_INTO' as const) : ('RETAIN' as const),
      patients: patientsIn(target, group),
    })),
  ];
}

function targetClinicians({ clinicians, target }: MergePlan): MergeReport['clinicians'] {
  const merged = new Set(
    clinicians.filter(({ action }) => action === 'MERGE').map(({ clinician }) => clinician.userId),
  );
  return target.clinicians.map((clinician) =>
    clinicianOf(
      clinician,
      clinician.userId !== undefined && merged.has(clinician.userId) ? 'MERGE_INTO' : 'RETAIN',
      'target',
    ),
  );
}

function targetPatients({ patients, target }: MergePlan): MergeReport['patients'] {
  const merged = new Set(patients.filter(({ action }) => action === 'MERGE').map(({ patient }) => patient.userId));
  return target.patients.map((patient) =>
    patientOf(patient, merged.has(patient.userId) ? 'MERGE_INTO' : 'RETAIN', 'target', []),
  );
}

type Action = MergeReport['patients'][number]['action'];
type From = MergeReport['patients'][number]['from'];

const clinicianOf = ({ userId, email, name, roles }: ClinicianDocument, action: Action, from: From) => ({
  ...(userId !== undefined && { id: userId }),
  ...(email !== undefined && { email }),
  ...(name !== undefined && { name }),
  roles: [...roles],
  action,
  from,
});

const patientOf = (
  { userId, fullName, birthDate, mrn }: MergingPatient,
  action: Action,
  from: From,
  conflicts: PatientPlan['conflicts'],
) => ({
  id: userId,
  fullName,
  birthDate,
  ...(mrn !== undefined && { mrn }),
  action,
  from,
  conflicts: conflicts.map(({ kind, patientId }) => ({ kind, patientId })),
});

const COLUMNS = ['kind', 'from', 'id', 'name', 'birthDate', 'mrn', 'roles', 'patients', 'action', 'detail'] as const;
type Row = Partial<Record<(typeof COLUMNS)[number], string | number>>;

/** The report as a table. What a spreadsheet would take for a formula is made harmless. */
export function asCsv({ problems, settings, tags, sites, clinicians, patients }: MergeReport): string {
  const groupRows = (kind: string, list: MergeReport['tags']): Row[] =>
    list.map(({ name, from, action, patients: count, newName = '' }) => ({
      kind,
      from,
      name,
      action,
      patients: count,
      detail: newName,
    }));
  const rows: Row[] = [
    ...problems.map((detail) => ({ kind: 'problem', detail })),
    ...settings.map(({ name, matches }) => ({ kind: 'setting', name, detail: matches ? 'matches' : 'differs' })),
    ...groupRows('tag', tags),
    ...groupRows('site', sites),
    ...clinicians.map(({ id = '', email = '', name = email, roles, from, action }) => ({
      kind: 'clinician',
      from,
      id,
      name,
      roles: roles.join(' '),
      action,
      detail: email,
    })),
    ...patients.map(({ id, fullName = '', birthDate = '', mrn = '', from, action, conflicts }) => ({
      kind: 'patient',
      from,
      id,
      name: fullName,
      birthDate,
      mrn,
      action,
      detail: conflicts.map(({ kind, patientId }) => `${kind} ${patientId}`).join('; '),
    })),
  ];
  return stringify(rows, { header: true, columns: [...COLUMNS], escape_formulas: true });
}
