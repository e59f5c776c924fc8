import type { ClinicDocument } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { Unprocessable } from '@caregate/service';
import { hasCompleteProfile } from '../clinics/clinic.view.ts';

/** The role of a legacy clinic account at the identity service. */
export const LEGACY_CLINIC_ROLE = 'clinic';

/**
 * Gives the legacy account whose patients are to be migrated: the clinic's one admin, who made it.
 * @throws {Unprocessable} when the clinic has migrated already, is not complete, or has not exactly one admin
 */
export function assertCanMigrate(clinic: ClinicDocument): UserId {
  if (clinic.isMigrated) throw new Unprocessable('constraint violation: clinic is already migrated');
  if (!hasCompleteProfile(clinic)) throw new Unprocessable('constraint violation: incomplete clinic profile');
  const [admin, ...others] = clinic.admins;
  if (admin === undefined || others.length > 0)
    throw new Unprocessable('constraint violation: a clinic that migrates has exactly one admin');
  return admin;
}
