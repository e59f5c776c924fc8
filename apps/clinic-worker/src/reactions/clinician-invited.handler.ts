import { type ChangedClinician, type ChangeEvent, isNews, Reaction, touched } from '@caregate/change-events';
import { clinicianInvitation, Mail } from '@caregate/mail';
import { LinkSecrets } from '@caregate/identity';
import { Controller } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { BY_MAIL } from './by-mail.ts';
import { roleInWords } from './roles-in-words.ts';

/** An invite was made, or is to be sent again: the person gets it, with the secret by which they accept. Invites of other services are theirs to send. */
@Controller()
export class ClinicianInvited {
  constructor(
    private readonly records: Records,
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
    const invite = await this.records.clinician(event);
    if (!invite?.inviteId || !invite.invitedBy || !invite.email || !invite.inviteSentTime)
      return 'the invite was answered or taken back';
    if (!isNews(event, invite.inviteSentTime)) return 'the invite was sent before';
    const clinic = await this.records.clinicOf(invite.clinicId);
    if (!clinic) return 'the clinic is gone';
    const invitedBy = await this.addressees.nameOf(invite.invitedBy);
    return this.mail.deliver({
      deliveryId: `clinician_invitation:${invite._id.toHexString()}:${invite.inviteSentTime.getTime()}`,
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
