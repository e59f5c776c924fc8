import type { ServedOperation } from '@caregate/service';

/** Operations that only read, and give data of patients. */
export const READS_OF_PATIENT_DATA: ReadonlySet<string> = new Set([
  'ListPatients',
  'GetPatient',
  'FindPatients',
  'TideReport',
  'ListClinicsForPatient',
  'GetPatientInvites',
  'ListPatientInvites',
  'GetMigrationProgress', // it names patients who could not be migrated
  // by the directory and the shard that an account moves to
  'ExportDocuments',
  'ExportChanges',
]);

/** Operations that only read, and tell about clinics, clinicians and accounts. A test holds both lists against the contracts. */
export const OTHER_READS: ReadonlySet<string> = new Set([
  'ListClinics',
  'GetClinic',
  'GetClinicByShareCode',
  'ListMembershipRestrictions',
  'GetEHRSettings',
  'GetMRNSettings',
  'GetPatientCountSettings',
  'GetPatientCount',
  'ListClinicians',
  'GetClinician',
  'ListAllClinicians',
  'ListClinicsForClinician',
  'GetClinicianInvite',
  'GetInvitedClinician',
  'ListClinicianInvites',
  'ListMigrations',
  'GetMigration',
  'GetAccount',
  'GetCaller',
  'ListApiKeys',
  'GetQuotas',
  'ListAdminsByKeys',
  'ListAuditEntries',
  'ListAccountAuditEntries',
]);

/** What is to be recorded of an operation: every write, and every read of patient data. */
export function auditedAs({
  operationId,
  method,
}: Pick<ServedOperation, 'operationId' | 'method'>): 'write' | 'read' | undefined {
  if (method.toUpperCase() !== 'GET') return 'write';
  return READS_OF_PATIENT_DATA.has(operationId) ? 'read' : undefined;
}
