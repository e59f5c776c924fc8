import { type ArchivedPatient, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';
import { Controller, Inject } from '@nestjs/common';
import { CustodialAccounts } from '../erasure/custodial-accounts.ts';

type ArchiveEvent = ChangeEvent<ArchivedPatient>;

/** A patient was removed whom a clinic has looked after: the user account ends too, when nobody needs it. */
@Controller()
export class CustodialPatientDeleted {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly accounts: CustodialAccounts,
  ) {}

  @Reaction<ArchiveEvent>({
    name: 'end_custodial_account',
    stream: 'patientArchives',
    when: (event) => touched(event, 'documentId') && event.fullDocument?.userId !== undefined,
  })
  async endAccount({ documentKey: { _id } }: ArchiveEvent): Promise<string> {
    // Of the event only the id is believed: anybody who can write to the topic may have sent it.
    const userId = (await this.models.patientArchives.findOne({ _id }, { userId: 1 }).lean())?.userId;
    if (userId === undefined) return 'no patient was deleted';
    // A clinic that does not look after the patient may be the last that they leave.
    const custodial = { userId, custodial: { $exists: true } };
    const archives = await this.models.patientArchives.find(custodial, { custodial: 1 }).lean();
    if (archives.length === 0) return 'no clinic looked after the user';
    return this.accounts.end(userId, { hasData: archives.some((archive) => archive.custodial === 'with data') });
  }
}
