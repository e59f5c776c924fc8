import type { ChangedPatient } from '@caregate/change-events';

/** Whether their clinic looks after their account, until they claim it. */
export const isCustodial = (patient: Pick<ChangedPatient, 'permissions'> | undefined) =>
  patient?.permissions?.custodian !== undefined;
