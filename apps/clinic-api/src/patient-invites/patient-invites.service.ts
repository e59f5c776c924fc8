import { Injectable } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import { newObjectId, type PatientInviteDocument, type UserId } from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import { IdentityService } from '@caregate/identity';
import { BadRequest, Conflict, isDuplicateKey, NotFound } from '@caregate/service';
import { concerns, concernsClinics } from '../audit/concerns.ts';
import { ClinicsRepository, idOf } from '../clinics/clinics.repository.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import { PatientCreation } from '../patients/patient-creation.service.ts';
import { permissionsFromPatient } from '../patients/patient-details.ts';
import { idOfKey, patientInviteView } from './patient-invite.view.ts';
import { type InviteFilter, PatientInvitesRepository } from './patient-invites.repository.ts';

/** Offers of patients to share with a clinic: waiting until the clinic answers or the patient takes them back. */
@Injectable()
export class PatientInvitesService {
  constructor(
    private readonly invites: PatientInvitesRepository,
    private readonly clinics: ClinicsRepository,
    private readonly creation: PatientCreation,
    private readonly identity: IdentityService,
    private readonly limits: MailLimits,
  ) {}

  /** The clinic's admins get an email when the worker sees the new invite. */
  async create(
    userIdText: string,
    { shareCode, permissions: offered }: ClinicInputs['PatientInvitation'],
    caller: Caller,
  ) {
    const userId = userIdText as UserId; // the contract says that it is one
    const permissions = permissionsFromPatient(offered);
    if (Object.keys(permissions).length === 0)
      throw new BadRequest('bad request: offer at least one of the permissions view, upload and note');
    const clinic = await this.clinics.byShareCode(shareCode.trim().toUpperCase());
    if (!clinic) throw new NotFound('clinic not found: no clinic has this share code');
    concerns({ clinicId: clinic._id });
    const clinicId = clinic._id.toHexString();
    await this.limits.count('CreatePatientInvite', { caller, clinicId, record: `${clinicId}:${userId}` });
    const invite = { _id: newObjectId(), clinicId: clinic._id, userId, permissions, createdTime: new Date() };
    await this.offer(invite);
    return patientInviteView(invite, await this.identity.profile(userId));
  }

  async ofPatient(userIdText: string) {
    const userId = userIdText as UserId; // as above
    const [invites, profile] = await Promise.all([this.invites.ofPatient(userId), this.identity.profile(userId)]);
    concernsClinics(invites.map(({ clinicId }) => clinicId));
    return invites.map((invite) => patientInviteView(invite, profile));
  }

  async ofClinic(clinicId: string) {
    const invites = await this.invites.ofClinic(idOf(clinicId));
    return Promise.all(
      invites.map(async (invite) => patientInviteView(invite, await this.identity.profile(invite.userId))),
    );
  }

  /** The patient comes in and the invite goes, or neither. */
  async accept(
    clinicIdText: string,
    key: string,
    input: ClinicInputs['PatientInvitationAcceptance'] = {},
  ): Promise<void> {
    const clinicId = idOf(clinicIdText);
    const filter = { _id: idOfKey(key) ?? noInvite(), clinicId };
    const { userId, permissions } = (await this.invites.get(filter)) ?? noInvite();
    concerns({ patientId: userId });
    await this.creation.admitUser(clinicId, { userId, permissions }, input, async ({ session }) => {
      if (!(await this.invites.remove(filter, session))) noInvite();
    });
  }

  dismiss(clinicId: string, key: string): Promise<void> {
    return this.remove({ _id: idOfKey(key) ?? noInvite(), clinicId: idOf(clinicId) });
  }

  async takeBack(userId: string, key: string): Promise<void> {
    const filter = { _id: idOfKey(key) ?? noInvite(), userId };
    concernsClinics([((await this.invites.get(filter)) ?? noInvite()).clinicId]);
    return this.remove(filter);
  }

  private async remove(filter: InviteFilter): Promise<void> {
    if (!(await this.invites.removeAlone(filter))) noInvite();
  }

  /** In the clinic's turn, so that no clinic goes away with an invite just coming in. */
  private async offer(invite: PatientInviteDocument): Promise<void> {
    try {
      await this.clinics.inTurn(invite.clinicId.toHexString(), async ({ _id }, session) => {
        if (await this.invites.isPatient(_id, invite.userId, session))
          throw new Conflict('duplicate: you are a patient of this clinic already');
        await this.invites.insert(invite, session);
      });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      throw new Conflict('duplicate: an invite to this clinic is waiting for an answer already');
    }
  }
}

function noInvite(): never {
  throw new NotFound('invite not found');
}
