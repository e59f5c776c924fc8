import { ACCESS } from '@caregate/access';
import { allTemplates } from '@caregate/mail';
import { LIMITS, MAILS, MAILS_OF_SERVICES } from './mails.ts';

const BY_DIRECTORY = ['ProvisionAccount', 'ActivateArrival'] as const;

const named = (pattern: string) => {
  const [begin = '', end] = pattern.split('*');
  return allTemplates.filter(({ name }) => (end === undefined ? name === pattern : name.startsWith(begin)));
};

test('every email that there is has an operation that is counted, and no operation an email that there is not', () => {
  const patterns = Object.values(MAILS).flat();
  for (const pattern of [...patterns, ...Object.values(MAILS_OF_SERVICES).flat()])
    expect(named(pattern)).not.toEqual([]);
  const counted = new Set(
    [...patterns, ...BY_DIRECTORY.flatMap((each) => MAILS_OF_SERVICES[each])].flatMap(named).map(({ name }) => name),
  );
  expect(allTemplates.map(({ name }) => name).filter((name) => !counted.has(name))).toEqual([]);
});

test('what is not counted here is open to services and the directory alone', () => {
  for (const operation of Object.keys(MAILS_OF_SERVICES))
    expect(ACCESS[operation]).toEqual([BY_DIRECTORY.some((each) => each === operation) ? 'directory' : 'service']);
});

test('every operation is counted by person, clinic and account, strangers’ apart, and by whatever address its caller names', () => {
  for (const [operation, limits] of Object.entries(LIMITS)) {
    const clinics = operation === 'CreatePatientInvite' ? ['offers'] : ['clinic', 'account'];
    expect(limits.filter((each) => /clinic|account|offers/.test(each))).toEqual(clinics);
    expect(limits).toContain('person');
  }
  for (const operation of ['InviteClinician', 'ResendInvite', 'CreatePatientAccount', 'UpdatePatient'] as const)
    expect(LIMITS[operation].at(-1)).toBe('recipient'); // or one would use it up by what is refused for another reason
});
