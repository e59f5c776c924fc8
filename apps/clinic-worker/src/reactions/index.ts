import { ClinicCreated } from './clinic-created.handler.ts';
import { ClinicianInvited } from './clinician-invited.handler.ts';
import { ClinicianPermissionsUpdated } from './clinician-permissions-updated.handler.ts';
import { UserDeleted } from './user-deleted.handler.ts';
import { UserUpdated } from './user-updated.handler.ts';

/** All that happens because something changed (behaviour, "Change events and the worker"). */
export const reactions = [ClinicCreated, ClinicianInvited, ClinicianPermissionsUpdated, UserDeleted, UserUpdated] as const;
