import { type ChangedClinician, type ChangeEvent, isCopied, Reaction, touched } from '@caregate/change-events';
import { clinicianPermissionsUpdated, Mail } from '@caregate/mail';
import { Controller } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { BY_MAIL } from './by-mail.ts';
import { newRolesUpdates } from './new-roles-updates.ts';
import { roleInWords } from './roles-in-words.ts';

/** A clinician's roles were changed: they are told, and by whom. */
@Controller()
export class ClinicianPermissionsUpdated {
  constructor(
    private readonly records: Records,
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<ChangeEvent<ChangedClinician>>({
    name: 'clinician_permissions_updated',
    stream: 'clinicians',
    when: (event) => touched(event, 'rolesUpdates') && (event.operationType !== 'insert' || isCopied(event)),
    ...BY_MAIL,
  })
  async tellClinician(event: ChangeEvent<ChangedClinician>): Promise<string> {
    const clinician = await this.records.clinician(event);
    const updates = clinician ? newRolesUpdates(event, clinician) : [];
    if (updates.length === 0) return 'no role was changed of late';
    const to = clinician?.userId && (await this.addressees.find(clinician.userId));
    if (!clinician || !to) return 'the clinician has no account or no email';
    const clinic = await this.records.clinicOf(clinician.clinicId);
    if (!clinic) return 'the clinic is gone';
    const clinicId = clinician.clinicId.toHexString();
    const results: string[] = [];
    for (const update of updates) {
      const changedBy = await this.addressees.nameOf(update.updatedBy);
      const result = await this.mail.deliver({
        deliveryId: `clinician_permissions_updated:${clinician._id.toHexString()}:${update.id}`,
        template: clinicianPermissionsUpdated,
        to,
        data: {
          clinicName: clinic.name,
          role: roleInWords(update.roles),
          clinicLink: this.links.clinic(clinicId),
          ...(to.name !== undefined && { recipientName: to.name }),
          ...(changedBy !== undefined && { changedBy }),
        },
        ...(clinician.userId !== undefined && { userId: clinician.userId }),
        clinicId,
      });
      results.push(result);
    }
    return results.join(', ');
  }
}
