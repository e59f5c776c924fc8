import type { ChangedPatient, ChangeEvent } from '@caregate/change-events';

type PatientEvent = ChangeEvent<ChangedPatient>;

export const isCustodial = ({ permissions }: Pick<ChangedPatient, 'permissions'>) =>
  permissions?.custodian !== undefined;

/** Whom their clinic looks after, and who did not come with the move of a legacy clinic. */
export const isNewlyCustodial = ({ fullDocument: patient }: PatientEvent) =>
  patient !== undefined && isCustodial(patient) && patient.isMigrated !== true;
