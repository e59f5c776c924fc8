import { type ChangedClinic, type ChangeEvent, isNews, Reaction, touched } from '@caregate/change-events';
import { clinicCreated, Mail } from '@caregate/mail';
import { Controller } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { BY_MAIL } from './by-mail.ts';

/** A clinic was inserted with a name and admins: its first admin is welcomed. */
@Controller()
export class ClinicCreated {
  constructor(
    private readonly records: Records,
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<ChangeEvent<ChangedClinic>>({
    name: 'clinic_created',
    stream: 'clinics',
    when: (event) => event.operationType === 'insert' && touched(event, 'name') && touched(event, 'admins'),
    ...BY_MAIL,
  })
  async welcomeFirstAdmin(event: ChangeEvent<ChangedClinic>): Promise<string> {
    const clinic = await this.records.clinic(event);
    if (!clinic) return 'the clinic is gone';
    if (!isNews(event, clinic.createdTime)) return 'the clinic is not new';
    const [firstAdmin] = clinic.admins;
    const to = firstAdmin && (await this.addressees.find(firstAdmin));
    if (!to || !clinic.name) return 'the first admin has no email';
    const clinicId = clinic._id.toHexString();
    return this.mail.deliver({
      deliveryId: `clinic_created:${clinicId}`,
      template: clinicCreated,
      to,
      data: {
        clinicName: clinic.name,
        ...(to.name !== undefined && { recipientName: to.name }),
        clinicLink: this.links.clinic(clinicId),
      },
      userId: firstAdmin,
      clinicId,
    });
  }
}
