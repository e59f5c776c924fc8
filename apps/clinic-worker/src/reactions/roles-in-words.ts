import type { ClinicianRole } from '@caregate/clinic-model';

/** What someone with these roles is, as an email says it. */
export const roleInWords = (roles: readonly ClinicianRole[]) =>
  roles.includes('CLINIC_ADMIN') ? 'an administrator' : 'a member';
