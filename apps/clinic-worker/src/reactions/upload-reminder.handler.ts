import { type ChangedPatient, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';
import { Mail, patientUploadReminder } from '@caregate/mail';
import { Controller, Inject } from '@nestjs/common';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { BY_MAIL } from './by-mail.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

/** A patient is to be reminded: they are asked to upload their data. */
@Controller()
export class UploadReminder {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<PatientEvent>({
    name: 'patient_upload_reminder',
    stream: 'patients',
    when: (event) =>
      event.operationType === 'update' &&
      touched(event, 'lastUploadReminderTime') &&
      event.fullDocument?.lastUploadReminderTime !== undefined,
    ...BY_MAIL,
  })
  async remind({ fullDocument: patient }: PatientEvent): Promise<string> {
    if (!patient?.email || !patient.lastUploadReminderTime) return 'the patient has no email';
    const { _id, clinicId, userId, email, fullName, lastUploadReminderTime } = patient;
    const clinic = await this.models.clinics.findOne({ _id: clinicId }, { name: 1 }).lean();
    if (!clinic) return 'the clinic is gone';
    return this.mail.deliver({
      deliveryId: `patient_upload_reminder:${_id.toHexString()}:${lastUploadReminderTime.toISOString()}`,
      template: patientUploadReminder,
      to: { address: email, name: fullName },
      data: { clinicName: clinic.name, recipientName: fullName, link: this.links.upload() },
      userId,
      clinicId: clinicId.toHexString(),
    });
  }
}
