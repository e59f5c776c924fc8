import { type ChangedPatientInvite, type ChangeEvent, isNews, Reaction } from '@caregate/change-events';
import { Mail, patientClinicInvitation } from '@caregate/mail';
import { Controller } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { BY_MAIL } from './by-mail.ts';

type InviteEvent = ChangeEvent<ChangedPatientInvite>;

/** A patient wants to share with a clinic: its admins are told, unless the clinic does not want to be. */
@Controller()
export class PatientInvitesClinic {
  constructor(
    private readonly records: Records,
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<InviteEvent>({
    name: 'patient_clinic_invitation',
    stream: 'patientInvites',
    when: ({ operationType }) => operationType === 'insert',
    ...BY_MAIL,
  })
  async tellAdmins(event: InviteEvent): Promise<string> {
    const invite = await this.records.patientInvite(event);
    if (!invite) return 'the invite was answered or taken back';
    if (!isNews(event, invite.createdTime)) return 'the invite is not new';
    const clinic = await this.records.clinicOf(invite.clinicId);
    if (!clinic) return 'the clinic is gone';
    if (clinic.suppressedNotifications?.patientClinicInvitation) return 'the clinic does not want these';
    const patientName = (await this.addressees.nameOf(invite.userId)) ?? 'A patient';
    const clinicId = clinic._id.toHexString();
    const results: string[] = [];
    for (const admin of clinic.admins) {
      const to = await this.addressees.find(admin);
      if (!to) continue;
      const result = await this.mail.deliver({
        deliveryId: `patient_clinic_invitation:${invite._id.toHexString()}:${admin}`,
        template: patientClinicInvitation,
        to,
        data: {
          clinicName: clinic.name,
          patientName,
          link: this.links.invitesOfPatients(clinicId),
          ...(to.name !== undefined && { recipientName: to.name }),
        },
        userId: admin,
        clinicId,
      });
      results.push(result);
    }
    return results.join(', ') || 'no admin has an email';
  }
}
