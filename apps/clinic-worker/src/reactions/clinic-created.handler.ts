import { type ChangedClinic, type ChangeEvent, Reaction } from '@caregate/change-events';
import { clinicCreated, Mail } from '@caregate/mail';
import { Controller } from '@nestjs/common';
import { Addressees } from '../addressees.service.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { BY_MAIL } from './by-mail.ts';

/** A clinic was inserted with a name and admins: its first admin is welcomed. */
@Controller()
export class ClinicCreated {
  constructor(
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<ChangeEvent<ChangedClinic>>({
    name: 'clinic_created',
    stream: 'clinics',
    when: ({ operationType, fullDocument }) =>
      operationType === 'insert' && Boolean(fullDocument?.name && fullDocument.admins?.[0]),
    ...BY_MAIL,
  })
  async welcomeFirstAdmin({ fullDocument: clinic }: ChangeEvent<ChangedClinic>): Promise<string> {
    const firstAdmin = clinic?.admins[0];
    const to = firstAdmin && (await this.addressees.find(firstAdmin));
    if (!clinic || !to) return 'the first admin has no email';
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
