import { Inject, Injectable } from '@nestjs/common';
import {
  type AuditEntry,
  type AccountId,
  CLINIC_MODELS,
  type ClinicianDocument,
  type ClinicModels,
} from '@caregate/clinic-model';
import { MONGO } from '@caregate/service';
import type { Connection } from 'mongoose';

/** Of these alone the audit has an index by operation. */
const OPERATIONS = ['InviteClinician', 'UpdateClinician', 'AcceptClinicianInvite'] as const;

/** Admins whom API keys have made when they still could: only the audit knows of them, as a key acts for the person who made it. */
@Injectable()
export class AdminsByKeysService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
  ) {}

  async list(accountId: AccountId) {
    const clinicIds = await this.models.clinics.distinct('_id', { accountId });
    const [admins, doneBy] = await Promise.all([
      this.models.clinicians.find({ clinicId: { $in: clinicIds }, roles: 'CLINIC_ADMIN' }).lean<ClinicianDocument[]>(),
      this.doneByKeys(clinicIds),
    ]);
    return admins
      .flatMap((admin) => {
        const { clinicId, userId, inviteId, email } = admin;
        const done = doneBy.get(nameIn(clinicId, userId ?? inviteId));
        return done ? [{ clinicId: clinicId.toHexString(), userId, inviteId, email, ...done }] : [];
      })
      .toSorted((one, other) => other.time.getTime() - one.time.getTime());
  }

  /** By clinic and user, or invite: the key that invited or changed them last, and when. */
  private async doneByKeys(clinicIds: ClinicianDocument['clinicId'][]) {
    const doneBy = new Map<string, { keyId: string; time: Date }>();
    const entries = this.connection
      .collection<AuditEntry>('audit_entries')
      .find({ clinicId: { $in: clinicIds }, operationId: { $in: [...OPERATIONS] }, status: 200 })
      .sort({ _id: 1 });
    for await (const { operationId, clinicId, clinicianId, record, caller, time } of entries) {
      const who = nameIn(clinicId, clinicianId ?? record);
      // Whoever accepts is whom the key invited; whom a person has changed since, that person knows.
      const done =
        operationId === 'AcceptClinicianInvite'
          ? doneBy.get(nameIn(clinicId, record))
          : caller.kind === 'apiKey' && { keyId: caller.id, time };
      if (done) doneBy.set(who, done);
      else doneBy.delete(who);
    }
    return doneBy;
  }
}

const nameIn = (clinicId: ClinicianDocument['clinicId'] | undefined, id: string | undefined) => `${clinicId} ${id}`;
