import type { ChangedPatient } from '@caregate/change-events';

export const isCustodial = ({ permissions }: Pick<ChangedPatient, 'permissions'>) =>
  permissions?.custodian !== undefined;

/** Whom their clinic looks after, and who did not come with the move of a legacy clinic. */
export const isNewlyCustodial = <Patient extends Pick<ChangedPatient, 'permissions' | 'isMigrated'>>(
  patient: Patient | undefined,
): patient is Patient => patient !== undefined && isCustodial(patient) && patient.isMigrated !== true;
