import { type ChangedClinician, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicianDocument, type ClinicModels } from '@caregate/clinic-model';
import { clinicianInvitation, Mail } from '@caregate/mail';
import { LinkSecrets } from '@caregate/identity';
import { Controller, Inject } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { BY_MAIL } from './by-mail.ts';
import { roleInWords } from './roles-in-words.ts';

/** An invite was made, or is to be sent again: the person gets it, with the secret by which they accept. Invites of other services are theirs to send. */
@Controller()
export class ClinicianInvited {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
    private readonly secrets: LinkSecrets,
  ) {}

  @WithoutDoor()
  @Reaction<ChangeEvent<ChangedClinician>>({
    name: 'clinician_invitation',
    stream: 'clinicians',
    when: (event) => touched(event, 'inviteSentTime') && event.fullDocument?.inviteSentTime !== undefined,
    ...BY_MAIL,
  })
  async sendInvite(event: ChangeEvent<ChangedClinician>): Promise<string> {
    const sentTime = event.fullDocument?.inviteSentTime;
    const invite = await this.models.clinicians.findOne({ _id: event.fullDocument?._id }).lean<ClinicianDocument>();
    if (!sentTime || !invite?.inviteId || !invite.invitedBy || !invite.email)
      return 'the invite was answered or taken back';
    const clinic = await this.models.clinics.findOne({ _id: invite.clinicId }, { name: 1 }).lean();
    if (!clinic) return 'the clinic is gone';
    const invitedBy = await this.addressees.nameOf(invite.invitedBy);
    return this.mail.deliver({
      deliveryId: `clinician_invitation:${invite._id.toHexString()}:${sentTime.getTime()}`,
      template: clinicianInvitation,
      to: { address: invite.email },
      data: {
        clinicName: clinic.name,
        role: roleInWords(invite.roles),
        inviteLink: this.links.inviteOfClinician(
          invite.inviteId,
          this.secrets.secretOf('clinician invite', invite.inviteId),
        ),
        ...(invitedBy !== undefined && { invitedBy }),
      },
      clinicId: invite.clinicId.toHexString(),
    });
  }
}
