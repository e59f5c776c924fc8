import { contracts, operations } from '@caregate/contracts';
import { auditedAs, OTHER_READS, READS_OF_PATIENT_DATA } from './audited.ts';

const all = [contracts.clinic, contracts.account].flatMap((contract) => operations(contract));
const reads = all.filter(({ method }) => method.toUpperCase() === 'GET').map(({ operationId }) => operationId);

test('of each operation that reads it is said whether it gives data of patients', () => {
  expect(reads.filter((id) => READS_OF_PATIENT_DATA.has(id) === OTHER_READS.has(id))).toEqual([]);
});

test('nothing is listed that no contract has', () => {
  expect([...READS_OF_PATIENT_DATA, ...OTHER_READS].filter((id) => !reads.includes(id))).toEqual([]);
});

test('every write is recorded', () => {
  const writes = all.filter(({ method }) => method.toUpperCase() !== 'GET');
  expect(writes.filter((operation) => auditedAs(operation) !== 'write')).toEqual([]);
});
