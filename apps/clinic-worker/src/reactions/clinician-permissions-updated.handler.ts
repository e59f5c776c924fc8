import { type ChangedClinician, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';
import { clinicianPermissionsUpdated, Mail } from '@caregate/mail';
import { Controller, Inject } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { BY_MAIL } from './by-mail.ts';
import { newRolesUpdates } from './new-roles-updates.ts';
import { roleInWords } from './roles-in-words.ts';

/** A clinician's roles were changed: they are told, and by whom. */
@Controller()
export class ClinicianPermissionsUpdated {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<ChangeEvent<ChangedClinician>>({
    name: 'clinician_permissions_updated',
    stream: 'clinicians',
    when: (event) =>
      event.operationType !== 'insert' && touched(event, 'rolesUpdates') && newRolesUpdates(event).length > 0,
    ...BY_MAIL,
  })
  async tellClinician(event: ChangeEvent<ChangedClinician>): Promise<string> {
    const clinician = event.fullDocument;
    const to = clinician?.userId && (await this.addressees.find(clinician.userId));
    if (!clinician || !to) return 'the clinician has no account or no email';
    const clinic = await this.models.clinics.findOne({ _id: clinician.clinicId }, { name: 1 }).lean();
    if (!clinic) return 'the clinic is gone';
    const clinicId = clinician.clinicId.toHexString();
    const results: string[] = [];
    for (const { index, update } of newRolesUpdates(event)) {
      const changedBy = await this.addressees.nameOf(update.updatedBy);
      const result = await this.mail.deliver({
        deliveryId: `clinician_permissions_updated:${clinician._id.toHexString()}:${index}`,
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
