import { type ChangedPatient, type ChangeEvent, isCopied, isNews, Reaction, touched } from '@caregate/change-events';
import { Mail, patientUploadReminder } from '@caregate/mail';
import { greetedAs } from '@caregate/clinic-model';
import { Controller } from '@nestjs/common';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { recipientOf } from '../addressees.service.ts';
import { BY_MAIL } from './by-mail.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

/** A patient is to be reminded: they are asked to upload their data. */
@Controller()
export class UploadReminder {
  constructor(
    private readonly records: Records,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<PatientEvent>({
    name: 'patient_upload_reminder',
    stream: 'patients',
    when: (event) =>
      (event.operationType === 'update' || isCopied(event)) &&
      touched(event, 'lastUploadReminderTime') &&
      event.fullDocument?.lastUploadReminderTime !== undefined,
    ...BY_MAIL,
  })
  async remind(event: PatientEvent): Promise<string> {
    const patient = await this.records.patient(event);
    if (!patient?.email || !patient.lastUploadReminderTime) return 'the patient has no email';
    if (!isNews(event, patient.lastUploadReminderTime)) return 'the patient was reminded before';
    const { _id, clinicId, userId, email, lastUploadReminderTime } = patient;
    const clinic = await this.records.clinicOf(clinicId);
    if (!clinic) return 'the clinic is gone';
    return this.mail.deliver({
      deliveryId: `patient_upload_reminder:${_id.toHexString()}:${lastUploadReminderTime.toISOString()}`,
      template: patientUploadReminder,
      to: recipientOf(patient, email),
      data: { clinicName: clinic.name, ...greetedAs(patient), link: this.links.upload() },
      userId,
      clinicId: clinicId.toHexString(),
    });
  }
}
