import { type ChangedClinic, type ChangeEvent, isCopied, Reaction, touched } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels, orphanedTags, removeTag } from '@caregate/clinic-model';
import { inTransaction, MONGO } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import { AccountDoor } from '../moves/account-door.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { type Connection, Types } from 'mongoose';

type ClinicEvent = ChangeEvent<ChangedClinic>;

/** So many patients lose a tag in one transaction, so that others get their turn. */
const AT_ONCE = 500;

/** A patient tag was deleted: it is taken from all the clinic's patients. */
@Controller()
export class DeletedTag {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly records: Records,
    private readonly door: AccountDoor,
  ) {}

  @WithoutDoor()
  @Reaction<ClinicEvent>({
    name: 'remove_deleted_tag',
    stream: 'clinics',
    when: (event) => touched(event, 'patientTags') && (event.operationType !== 'insert' || isCopied(event)),
    deadline: 30 * 60_000,
  })
  async takeFromPatients(event: ClinicEvent): Promise<string> {
    const { _id: clinicId } = event.documentKey;
    if (!(clinicId instanceof Types.ObjectId)) return 'the clinic is gone';
    let patients = 0;
    for (const tag of await orphanedTags(this.models, clinicId)) patients += await this.takeTag(clinicId, tag);
    return `${patients} patients`;
  }

  private async takeTag(clinicId: Types.ObjectId, tag: Types.ObjectId): Promise<number> {
    const accountId = (await this.records.clinicOf(clinicId))?.accountId;
    for (let taken = 0; ;) {
      const some = await this.models.patients.find({ clinicId, tags: tag }, { userId: 1 }).limit(AT_ONCE).lean();
      if (some.length === 0) return taken;
      const userIds = some.map(({ userId }) => userId);
      taken += await this.door.through(accountId, () =>
        inTransaction(this.connection, (session) =>
          removeTag({ models: this.models, session, clinicId }, tag, userIds),
        ),
      );
    }
  }
}
