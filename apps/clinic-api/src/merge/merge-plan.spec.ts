import { type ClinicDocument, type ClinicianDocument, newObjectId } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { type MergeSide, type MergingPatient, planMerge } from './merge-plan.ts';
import { asCsv, reportOf } from './merge-report.ts';

const now = new Date();

function side(given: Partial<ClinicDocument> = {}, rest: Partial<Omit<MergeSide, 'clinic'>> = {}): MergeSide {
  const clinic: ClinicDocument = {
    _id: newObjectId(),
    name: 'Clinic',
    preferredBgUnits: 'mg/dL',
    shareCodes: [],
    canonicalShareCode: '',
    tier: 'tier0100',
    isMigrated: true,
    admins: [],
    patientTags: [],
    sites: [],
    createdTime: now,
    updatedTime: now,
    ...given,
  };
  return { clinic, clinicians: [], patients: [], isMigrating: false, ...rest };
}

const clinician = (given: object): ClinicianDocument => ({
  _id: newObjectId(),
  clinicId: newObjectId(),
  roles: ['CLINIC_MEMBER'],
  rolesUpdates: [],
  createdTime: now,
  updatedTime: now,
  ...given,
});

const patient = (userId: string, given: object = {}): MergingPatient => ({
  userId: userId as UserId, // ids are only compared
  fullName: `P ${userId}`,
  birthDate: '1990-01-01',
  tags: [],
  sites: [],
  ...given,
});

const named = (...names: string[]) => names.map((name) => ({ _id: newObjectId(), name }));
const problems = (source: MergeSide, target: MergeSide) => planMerge(source, target).problems;

test('clinics that get along can be merged', () => {
  expect(problems(side(), side())).toEqual([]);
});

test('tags of one name become one, whatever their case and spaces; others move', () => {
  const [high, other] = named('High Risk', 'Other');
  const [own] = named('HIGHRISK');
  const plan = planMerge(
    side({ patientTags: [high, other].filter((tag) => tag !== undefined) }),
    side({ patientTags: own ? [own] : [] }),
  );
  expect(plan.tags.map(({ action, into }) => [action, into.name])).toEqual([
    ['MERGE', 'HIGHRISK'],
    ['MOVE', 'Other'],
  ]);
  expect(plan.tags[0]?.into).toBe(own);
});

test('sites of one name stay two', () => {
  const plan = planMerge(side({ sites: named('Ward', 'ward (2)') }), side({ sites: named('WARD') }));
  expect(plan.sites.map(({ into }) => into.name)).toEqual(['Ward (2)', 'ward (3)']);
  expect(reportOf(plan).sites).toMatchObject([
    { name: 'Ward', newName: 'Ward (2)', from: 'source', action: 'MOVE' },
    { name: 'ward (2)', newName: 'ward (3)', from: 'source', action: 'MOVE' },
    { name: 'WARD', from: 'target', action: 'RETAIN' },
  ]);
});

describe('a merge is refused', () => {
  const many = (letter: string, count: number) => named(...Array.from({ length: count }, (_, i) => `${letter}${i}`));
  const restricted = (emailDomain: string, requiredIdp: string) =>
    side({ membershipRestrictions: [{ emailDomain, requiredIdp }] });
  const ehr = (enabled: boolean, sourceId: string) => side({ ehrSettings: { enabled, provider: 'redox', sourceId } });
  const withMrns = (...mrns: (string | undefined)[]) => mrns.map((mrn) => patient(crypto.randomUUID(), { mrn }));
  const unique = { mrnSettings: { required: false, unique: true } };

  test.each<[string, MergeSide, MergeSide, RegExp | undefined]>([
    [
      'when there would be too many tags',
      side({ patientTags: many('a', 30) }),
      side({ patientTags: many('b', 21) }),
      /51 tags/,
    ],
    [
      'but not for as many as are allowed',
      side({ patientTags: many('a', 30) }),
      side({ patientTags: many('b', 20) }),
      undefined,
    ],
    [
      'nor when enough of them are the same',
      side({ patientTags: many('a', 50) }),
      side({ patientTags: many('A', 50) }),
      undefined,
    ],
    ['when there would be too many sites', side({ sites: many('a', 30) }), side({ sites: many('a', 21) }), /51 sites/],
    [
      'when one domain must come from two identity providers',
      restricted('a.example', 'one'),
      restricted('A.example', 'two'),
      /restrictions/,
    ],
    ['but not for different domains', restricted('a.example', 'one'), restricted('b.example', 'two'), undefined],
    ['when patients would lose their hospital record', ehr(true, 's1'), ehr(true, 's2'), /hospital record/],
    ['but not when it was switched off', ehr(false, 's1'), ehr(true, 's2'), undefined],
    ['when a clinician is only invited', side({}, { clinicians: [clinician({ inviteId: 'i' })] }), side(), /1 invites/],
    [
      'when an MRN is missing that is required',
      side({}, { patients: withMrns('1', undefined) }),
      side({ mrnSettings: { required: true, unique: false } }),
      /1 patients .* have none/,
    ],
    [
      'when an MRN is taken',
      side({}, { patients: withMrns('1', '2') }),
      side(unique, { patients: withMrns('1') }),
      /MRN uniqueness error.* 1 patients/,
    ],
    ['when two who come share an MRN', side({}, { patients: withMrns('1', '1') }), side(unique), /2 patients/],
    [
      'but not when the same patient has it in both',
      side({}, { patients: [patient('p', { mrn: '1' })] }),
      side(unique, { patients: [patient('p', { mrn: '1' })] }),
      undefined,
    ],
    [
      'when they belong to different accounts',
      side({ accountId: 'a' as never }),
      side({ accountId: 'b' as never }),
      /accounts/,
    ],
    ['but not when only one has an account', side(), side({ accountId: 'b' as never }), undefined],
    ['while a migration goes on', side({}, { isMigrating: true }), side(), /migration/],
    ['when a legacy clinic has not begun to migrate', side(), side({ isMigrated: false }), /migration/],
  ])('%s', (_name, source, target, problem) => {
    const found = problems(source, target);
    if (problem) expect(found).toEqual([expect.stringMatching(problem)]);
    else expect(found).toEqual([]);
  });
});

test('the report tells what happens to each clinician and patient', () => {
  const source = side(
    { name: 'Source' },
    {
      clinicians: [clinician({ userId: 'both', roles: ['CLINIC_ADMIN'] }), clinician({ userId: 'new' })],
      patients: [patient('both', { mrn: 'M' }), patient('new', { mrn: 'm' })],
    },
  );
  const target = side(
    { name: 'Target' },
    {
      clinicians: [clinician({ userId: 'both' }), clinician({ userId: 'own' })],
      patients: [patient('both', { mrn: 'M' }), patient('own')],
    },
  );
  const report = reportOf(planMerge(source, target));
  const actions = (list: { id?: string; from: string; action: string }[]) =>
    list.map(({ id, from, action }) => `${from} ${id} ${action}`);
  const expected = ['source both MERGE', 'source new MOVE', 'target both MERGE_INTO', 'target own RETAIN'];
  expect(actions(report.clinicians)).toEqual(expected);
  expect(actions(report.patients)).toEqual(expected);
  expect(report.patients[1]?.conflicts).toEqual([{ kind: 'LIKELY_DUPLICATE', patientId: 'both' }]);
  expect(report).toMatchObject({ canMerge: true, source: { name: 'Source' }, target: { name: 'Target' } });
});

test('the table has a line for everything, and no formula for a spreadsheet', () => {
  const source = side(
    { sites: named('Ward, east') },
    { patients: [patient('evil', { fullName: '=HYPERLINK("http://x")', mrn: '+1' })] },
  );
  const lines = asCsv(reportOf(planMerge(source, side({ timezone: 'UTC' }))))
    .trim()
    .split('\n');
  expect(lines[0]).toBe('kind,from,id,name,birthDate,mrn,roles,patients,action,detail');
  expect(lines).toContain('setting,,,timezone,,,,,,differs');
  expect(lines).toContain('site,source,,"Ward, east",,,,0,MOVE,');
  expect(lines.at(-1)).toBe(`patient,source,evil,"'=HYPERLINK(""http://x"")",1990-01-01,'+1,,,MOVE,`);
});
