import { Injectable } from '@nestjs/common';
import { actingUser, type Caller, callerName } from '@caregate/access';
import {
  type ClinicianDocument,
  type ClinicianRole,
  hasOtherAdmin,
  insertClinician,
  isAdmin,
  normalEmail,
  removeClinician,
  replaceClinician,
  takeTurn,
} from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { BadRequest } from '@caregate/service';
import { ClinicViews } from '../clinics/clinic-views.ts';
import { idOf } from '../clinics/clinics.repository.ts';
import { Quotas } from '../quotas/quotas.service.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import {
  assertMayMakeAdmin,
  assertOpen,
  changed,
  type ClinicianChange,
  type ClinicianFields,
  lastAdmin,
  newClinician,
  noClinician,
  sameRoles,
} from './clinician-rules.ts';
import { clinicianView } from './clinician.view.ts';
import {
  CliniciansRepository,
  type CliniciansFilter,
  type CreatedBetween,
  type Page,
} from './clinicians.repository.ts';

export interface NewClinician {
  /** A member; or, with `inviteId`, an invite of one. */
  readonly id?: UserId;
  readonly inviteId?: string;
  readonly email: string;
  readonly name?: string;
  readonly roles: readonly ClinicianRole[];
}

export interface ServiceAccount {
  readonly name: string;
  readonly client_id: string;
  readonly client_secret: string;
}

/** The people who work in a clinic (behaviour, "Clinicians"). */
@Injectable()
export class CliniciansService {
  constructor(
    private readonly clinicians: CliniciansRepository,
    private readonly clinicViews: ClinicViews,
    private readonly identity: IdentityService,
    private readonly quotas: Quotas,
    private readonly limits: MailLimits,
  ) {}

  async list(clinicId: string, filter: CliniciansFilter & Page) {
    return (await this.clinicians.ofClinic(clinicId, filter, filter)).map(clinicianView);
  }

  async get(clinicId: string, userId: UserId) {
    const found = await this.clinicians.member(idOf(clinicId), userId);
    if (!found) throw noClinician();
    return clinicianView(found);
  }

  async create(clinicId: string, { id, inviteId, email, name, roles }: NewClinician) {
    if ((id === undefined) === (inviteId === undefined)) {
      throw new BadRequest('request body has an error: give either id, for a member, or inviteId, for an invite');
    }
    if (inviteId === '') throw new BadRequest('request body has an error at "/inviteId": it is empty');
    if (email === '')
      throw new BadRequest('request body has an error at "/email": only service accounts have no email');
    return this.add(clinicId, { userId: id, inviteId, email: normalEmail(email), name, roles });
  }

  /** @throws {Unprocessable} when the identity provider refuses the credentials */
  async addServiceAccount(clinicId: string, { name, client_id, client_secret }: ServiceAccount) {
    assertOpen((await this.clinicians.clinic(clinicId)) ?? undefined);
    const userId = await this.identity.serviceAccountUser(client_id, client_secret);
    return this.add(clinicId, { userId, name, roles: ['CLINIC_MEMBER'], isServiceAccount: true });
  }

  /**
   * @throws {Unprocessable} when the last admin would no longer be one
   * @throws {Forbidden} when an API key would make an admin
   */
  async update(clinicId: string, userId: UserId, change: ClinicianChange, caller: Caller) {
    const known = await this.clinicians.member(idOf(clinicId), userId);
    if (known && !sameRoles(known.roles, change.roles))
      await this.limits.count('UpdateClinician', { caller, clinicId, record: `${clinicId}:${userId}` });
    return this.clinicians.change(async (writes) => {
      const { _id } = assertOpen(await takeTurn(writes, idOf(clinicId)));
      const before = await this.clinicians.member(_id, userId, writes.session);
      if (!before) throw noClinician();
      if (!isAdmin(before)) assertMayMakeAdmin(caller, change.roles);
      const after = changed(before, change, actingUser(caller) ?? callerName(caller), new Date());
      if (isAdmin(before) && !isAdmin(after) && !(await hasOtherAdmin(writes, _id, before.userId))) throw lastAdmin();
      await replaceClinician(writes, after);
      return clinicianView(after);
    });
  }

  /** @throws {Unprocessable} when the clinic would be left without an admin */
  async remove(clinicId: string, userId: UserId, caller: Caller): Promise<void> {
    await this.clinicians.change(async (writes) => {
      const { _id } = assertOpen(await takeTurn(writes, idOf(clinicId)));
      const clinician = await this.clinicians.member(_id, userId, writes.session);
      if (!clinician) throw noClinician();
      if (isAdmin(clinician) && !(await hasOtherAdmin(writes, _id, clinician.userId))) throw lastAdmin();
      await removeClinician(writes, clinician, callerName(caller));
    });
  }

  async clinicsOf(userId: UserId, page: Page) {
    return this.withClinics(await this.clinicians.ofUser(userId, page));
  }

  async listAll(filter: CreatedBetween & Page) {
    return this.withClinics(await this.clinicians.all(filter, filter));
  }

  private async withClinics(clinicians: readonly ClinicianDocument[]) {
    const clinics = await this.clinicViews.many(
      await this.clinicians.clinics(clinicians.map(({ clinicId }) => clinicId)),
    );
    const byId = new Map(clinics.map((clinic) => [clinic.id, clinic]));
    return clinicians.flatMap((clinician) => {
      const clinic = byId.get(clinician.clinicId.toHexString());
      return clinic ? [{ clinician: clinicianView(clinician), clinic }] : []; // the clinic may have gone between the two reads
    });
  }

  private add(clinicId: string, fields: Partial<ClinicianFields> & Pick<ClinicianFields, 'roles'>) {
    return this.clinicians.change(async (writes) => {
      const clinic = assertOpen(await takeTurn(writes, idOf(clinicId)));
      await this.quotas.assertRoomForClinician(clinic, (most) => this.clinicians.count(writes, clinic._id, most));
      const clinician = newClinician(clinic._id, fields, new Date());
      await insertClinician(writes, clinician);
      return clinicianView(clinician);
    });
  }
}
