import { type ChangedClinician, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';
import { clinicianInvited, Mail } from '@caregate/mail';
import { Controller, Inject } from '@nestjs/common';
import { Links } from '../links.ts';
import { MAIL_RETRIES } from './mail-retries.ts';

type ClinicianEvent = ChangeEvent<ChangedClinician>;

/** Somebody was invited to become a clinician, or is to be reminded of it: the invite is mailed. */
@Controller()
export class ClinicianInvited {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @Reaction<ClinicianEvent>({
    name: 'clinician_invited',
    stream: 'clinicians',
    when: (event) =>
      Boolean(event.fullDocument?.inviteId && event.fullDocument.inviteSentTime) && touched(event, 'inviteSentTime'),
    retries: MAIL_RETRIES,
  })
  async sendInvite({ fullDocument: invite }: ClinicianEvent): Promise<string> {
    if (!invite?.email || !invite.inviteSentTime) return 'the invite has no email';
    const clinic = await this.models.clinics.findOne({ _id: invite.clinicId }, { name: 1 }).lean();
    if (!clinic) return 'the clinic is gone';
    return this.mail.deliver({
      deliveryId: `clinician_invited:${invite._id.toHexString()}:${invite.inviteSentTime.toISOString()}`,
      template: clinicianInvited,
      to: { address: invite.email },
      data: { clinicName: clinic.name, link: this.links.invitesOfClinicians() },
      clinicId: invite.clinicId.toHexString(),
    });
  }
}
