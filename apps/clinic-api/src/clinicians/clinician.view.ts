import type { ClinicianDocument } from '@caregate/clinic-model';

/** A clinician, or an invite of one, as clients see them. Service accounts have no email; clients expect a text (as of the public service). */
export const clinicianView = ({
  userId,
  inviteId,
  email = '',
  name,
  roles,
  createdTime,
  updatedTime,
}: ClinicianDocument) => ({
  id: userId,
  inviteId,
  email,
  name,
  roles,
  createdTime,
  updatedTime,
});
