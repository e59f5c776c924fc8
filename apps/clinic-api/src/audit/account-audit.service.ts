import { Inject, Injectable } from '@nestjs/common';
import { type AccountId, CLINIC_MODELS, type ClinicModels, entryId } from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { LOGGER, type Logger, operationOf } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import type { Types } from 'mongoose';
import { alsoIn, entryOf } from './audit-entry.ts';
import { AuditTrail } from './audit-trail.service.ts';

/** More clinics than anybody works in. */
const MOST_CLINICS = 2_000;

/** Where a user is known: whose lists tell what happens to them. */
export interface Places {
  readonly clinics: readonly Types.ObjectId[];
  readonly accounts: readonly AccountId[];
}

/** What happens to the people of accounts, in the lists that the accounts' owners see. */
@Injectable()
export class AccountAudit {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly trail: AuditTrail,
    private readonly identity: IdentityService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The clinics in which a user is a clinician or a patient; the accounts that they own, and those in whose clinics they work. */
  async placesOf(userId: UserId): Promise<Places> {
    const [worksIn, patientIn, owned] = await Promise.all([
      this.models.clinicians.find({ userId }, { _id: 0, clinicId: 1 }).limit(MOST_CLINICS).lean(),
      this.models.patients.find({ userId }, { _id: 0, clinicId: 1 }).limit(MOST_CLINICS).lean(),
      this.models.accounts.find({ ownerUserId: userId }, { _id: 1 }).lean(),
    ]);
    const _id = { $in: worksIn.map(({ clinicId }) => clinicId) };
    const employers = worksIn.length === 0 ? [] : await this.models.clinics.distinct('accountId', { _id });
    return {
      clinics: [...worksIn, ...patientIn].map(({ clinicId }) => clinicId),
      accounts: [...new Set([...owned.map((account) => account._id), ...employers.flatMap((id) => id ?? [])])],
    };
  }

  /** Resolves when it is recorded that the user has signed in. */
  async signedIn(userId: UserId, request: FastifyRequest, status: number): Promise<void> {
    const operation = operationOf(request);
    const entry =
      operation && entryOf({ ...asAudited(request), caller: { kind: 'user', userId } }, operation, new Date());
    if (!entry) return;
    const { accounts } = await this.placesOf(userId);
    await this.trail.noteAlso(accounts.map((accountId) => alsoIn({ ...entry, status }, { accountId })));
  }

  /** Resolves when it is recorded who becomes the owner of a new account: the first entry of its list, as the mailed page is no operation. */
  async confirmed(accountId: AccountId, userId: UserId, { ip, id }: Pick<FastifyRequest, 'ip' | 'id'>): Promise<void> {
    const time = new Date();
    await this.trail.beforeWrite({
      _id: entryId(time),
      time,
      operationId: 'ConfirmAccount',
      caller: { kind: 'user', id: userId },
      record: userId,
      accountId,
      status: 200,
      address: ip,
      requestId: id,
    });
  }

  /** Nobody waits: how long it takes would say whether the email is known. */
  notSignedIn(email: string, request: FastifyRequest, status: number): void {
    const note = async () => {
      const user = await this.identity.findUser(email);
      if (user) await this.signedIn(user.userId, request, status);
    };
    note().catch((error) => this.logger.warn({ err: error }, 'a failed sign-in could not be added to the audit'));
  }
}

const asAudited = ({ params, ip, id }: FastifyRequest) => ({ params, ip, id });
