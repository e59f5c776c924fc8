import { type ChangedPatient, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { greetedAs } from '@caregate/clinic-model';
import { IdentityService } from '@caregate/identity';
import { custodialAccountCreated, Mail } from '@caregate/mail';
import { Controller } from '@nestjs/common';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { recipientOf } from '../addressees.service.ts';
import { BY_MAIL } from './by-mail.ts';
import { addressMark } from './once-each.ts';
import { isCustodial } from './patient-conditions.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

/** A custodial patient has an email, or another one: the person is invited to claim the account, also when they came from a legacy clinic. */
@Controller()
export class CustodialAccountCreated {
  constructor(
    private readonly records: Records,
    private readonly identity: IdentityService,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<PatientEvent>({
    name: 'custodial_account_created',
    stream: 'patients',
    when: (event) => isCustodial(event.fullDocument) && touched(event, 'email'),
    ...BY_MAIL,
  })
  async inviteToClaim(event: PatientEvent): Promise<string> {
    const patient = await this.records.patient(event);
    if (!patient?.email || !isCustodial(patient)) return 'the patient has no email, or is nobody to invite';
    const { clinicId, userId, email } = patient;
    if ((await this.identity.findUser(userId))?.hasPassword === true) return 'the person has claimed the account';
    const clinic = await this.records.clinicOf(clinicId);
    if (!clinic) return 'the clinic is gone';
    return this.mail.deliver({
      // Of the account, not of the patient: a merge of clinics brings the patient anew.
      deliveryId: `custodial_account_created:${userId}:${addressMark(email)}`,
      template: custodialAccountCreated,
      to: recipientOf(patient, email),
      data: { clinicName: clinic.name, ...greetedAs(patient), claimLink: this.links.claim(userId) },
      userId,
      clinicId: clinicId.toHexString(),
    });
  }
}
