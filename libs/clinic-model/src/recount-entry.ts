// What a command needs to recount a clinic, and nothing that Node could not run as it is.
export { isObjectIdText, objectId } from './ids.ts';
export { type ClinicModels, clinicModels } from './models.ts';
export { checkCounts, type Drift, type Recounting, repairCounts } from './recount.ts';
export { searchFields } from './search-text.ts';
