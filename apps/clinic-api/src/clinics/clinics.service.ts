import { Inject, Injectable } from '@nestjs/common';
import { actingUser, type Caller, callerName } from '@caregate/access';
import {
  type AccountId,
  archive,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicModels,
  type PatientDocument,
  removePatient,
} from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import type { UserId } from '@caregate/identity';
import { BadRequest, Forbidden, NotFound } from '@caregate/service';
import type { ClientSession } from 'mongoose';
import { AccountsRepository } from '../accounts/accounts.repository.ts';
import { concerns, concernsAccounts } from '../audit/concerns.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import { Quotas } from '../quotas/quotas.service.ts';
import { SharedReads } from '../shared-reads.ts';
import type { ClinicView } from './clinic.view.ts';
import { ClinicViews } from './clinic-views.ts';
import { type ClinicFilter, ClinicsRepository, type Page } from './clinics.repository.ts';
import { DemoPatient } from './demo-patient.ts';
import { ClinicFounding, type ClinicProfile } from './founding.ts';
import type { Tier } from './tiers.ts';

export type SentClinic = ClinicInputs['Clinic'];

/** Clinics: made, found, changed, deleted. */
@Injectable()
export class ClinicsService {
  private readonly shown = new SharedReads<ClinicView>();

  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
    private readonly views: ClinicViews,
    private readonly founding: ClinicFounding,
    private readonly demoPatient: DemoPatient,
    private readonly accounts: AccountsRepository,
    private readonly quotas: Quotas,
    private readonly limits: MailLimits,
  ) {}

  async create(sent: SentClinic, caller: Caller, accountOfHost: string | undefined) {
    const creator = actingUser(caller);
    if (creator === undefined) throw new Forbidden();
    if (accountOfHost !== undefined && caller.kind === 'user') await this.assertBelongs(creator, accountOfHost);
    // The account's id comes from a key or a stored account.
    const accountId = (accountOfHost ?? (await this.accounts.ownedBy(creator))?._id) as AccountId | undefined;
    await this.limits.count('CreateClinic', { caller, accountId });
    await this.quotas.assertRoomForClinic(accountId, creator);
    const clinic = await this.founding.found({
      profile: profileOf(sent),
      creator,
      isMigrated: true, // only what EnableNewClinicExperience makes has a legacy to migrate
      ...(accountId !== undefined && { accountId }),
    });
    return this.views.one(clinic);
  }

  /** Whose account it is, or who administers a clinic of it: at an account's own host everybody else would found clinics in it, too. */
  private async assertBelongs(userId: UserId, accountId: string): Promise<void> {
    const owned = await this.models.accounts.exists({ _id: accountId as AccountId, ownerUserId: userId }); // of a stored account
    if (owned || (await this.clinics.administersOneOf(accountId as AccountId, userId))) return;
    throw new Forbidden(
      'this is the host of an account; its owner and the admins of its clinics found clinics here, others do so at the API host',
    );
  }

  async list(filter: ClinicFilter & Page) {
    return this.views.many(await this.clinics.list(filter, filter));
  }

  /** Many look at a clinic at once: they share the reading of it and of its counts. */
  get(clinicId: string) {
    return this.shown.read(clinicId, async () => this.views.one(await this.clinics.get(clinicId)));
  }

  async getByShareCode(shareCode: string) {
    const clinic = await this.clinics.byShareCode(shareCode);
    if (!clinic) throw new NotFound('no clinic has this share code: not found');
    return this.views.one(clinic);
  }

  /** Keeps what was not sent, but for the phone numbers and the time zone (compat, flow "clinics"). */
  async update(clinicId: string, sent: SentClinic) {
    const absent = (['phoneNumbers', 'timezone'] as const).filter((field) => sent[field] === undefined);
    const clinic = await this.clinics.updateAlone(clinicId, {
      $set: profileOf(sent),
      ...(absent.length > 0 && { $unset: Object.fromEntries(absent.map((field) => [field, 1])) }),
    });
    return this.views.one(clinic);
  }

  async updateTier(clinicId: string, tier: Tier): Promise<void> {
    await this.clinics.updateAlone(clinicId, { $set: { tier } });
  }

  async suppressNotifications(
    clinicId: string,
    suppressedNotifications: { patientClinicInvitation?: boolean },
  ): Promise<void> {
    await this.clinics.updateAlone(clinicId, { $set: { suppressedNotifications } });
  }

  /** @throws {BadRequest} while the clinic has patients other than the demo patient */
  delete(clinicId: string, caller: Caller): Promise<void> {
    // Alone, or a patient could slip into the clinic as it goes.
    return this.clinics.alone(clinicId, (clinic, session) => this.dismantle(clinic, callerName(caller), session));
  }

  /** Deletes an empty clinic with all that belongs to it, in a transaction that is alone with it. */
  async dismantle(clinic: ClinicDocument, deletedBy: string, session: ClientSession): Promise<void> {
    const { models } = this;
    const clinicId = clinic._id;
    await this.assertNotAwaited(clinic, session);
    await this.removeDemoPatient(clinic, deletedBy, session);
    const clinicians = await models.clinicians.find({ clinicId }).session(session).lean<ClinicianDocument[]>();
    await archive(models.clinicianArchives, clinicians, deletedBy, session);
    await models.clinicians.deleteMany({ clinicId }, { session });
    await models.patientInvites.deleteMany({ clinicId }, { session });
    await models.migrations.deleteMany({ clinicId }, { session });
    await models.sheets.deleteMany({ clinicId }, { session }); // and the counts among them
    await archive(models.clinicArchives, [clinic], deletedBy, session);
    await this.clinics.remove(clinicId, session);
    // The account's list tells of it, as the clinic has no admins any more who could read its own.
    concerns({ record: clinicId.toHexString() });
    if (clinic.accountId !== undefined) concernsAccounts([clinic.accountId]);
  }

  /** A clinic that another is moving into must be there until it has come. */
  private async assertNotAwaited({ _id }: ClinicDocument, session: ClientSession): Promise<void> {
    const moving = await this.models.clinicMerges.exists({ targetId: _id, state: 'moving' }).session(session);
    if (moving)
      throw new BadRequest(
        'bad request: another clinic is being merged into this one; repeat that merge until it is done',
      );
  }

  private async removeDemoPatient(
    { _id: clinicId }: ClinicDocument,
    deletedBy: string,
    session: ClientSession,
  ): Promise<void> {
    const { models, demoPatient } = this;
    const patients = await models.patients.find({ clinicId }).limit(2).session(session).lean<PatientDocument[]>();
    if (!patients.every(({ userId }) => demoPatient.isDemo(userId))) {
      throw new BadRequest('bad request: the clinic has patients; remove them before deleting the clinic');
    }
    for (const patient of patients)
      await removePatient({ models, session, isDemo: demoPatient.isDemo }, patient, deletedBy);
  }
}

/** What a clinic tells about itself. Suppressed notifications have an operation of their own and are left as they are. */
const profileOf = ({ suppressedNotifications: _, ...profile }: SentClinic): ClinicProfile => profile;
