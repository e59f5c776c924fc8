// What commands need to recount a clinic and to read the audit, and nothing that Node could not run as it is.
export { ACCOUNT_AUDIT_ENTRIES, AUDIT_ENTRIES, type AuditEntry, lowestEntryId } from './audit.ts';
export { isObjectIdText, objectId } from './ids.ts';
export { type ClinicModels, clinicModels } from './models.ts';
export { checkCounts, type Drift, type Recounting, repairCounts } from './recount.ts';
export { searchFields } from './search-text.ts';
