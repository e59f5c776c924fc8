import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { actingUser, type Caller, callerName } from '@caregate/access';
import {
  assertUserStays,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicianRole,
  type ClinicianWrites,
  insertClinician,
  knownName,
  normalEmail,
  removeClinician,
  replaceClinician,
  takeTurn,
} from '@caregate/clinic-model';
import { IdentityService, LinkSecrets, type UserId } from '@caregate/identity';
import { Forbidden, NotFound } from '@caregate/service';
import { concerns } from '../audit/concerns.ts';
import { idOf } from '../clinics/clinics.repository.ts';
import { clinicianView } from '../clinicians/clinician.view.ts';
import { assertMayMakeAdmin, assertOpen, joined, newClinician, noClinician } from '../clinicians/clinician-rules.ts';
import { CliniciansRepository } from '../clinicians/clinicians.repository.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import { isRecent } from '../mail-limits/mails.ts';
import { Quotas } from '../quotas/quotas.service.ts';
import { ClinicianInvitesRepository } from './clinician-invites.repository.ts';
import { confirmationView, isOwnInvite, type OwnInvite } from './confirmation.view.ts';
import { mayJoin } from './membership-restrictions.ts';

export interface Invitation {
  readonly email: string;
  readonly roles: readonly ClinicianRole[];
}

/**
 * Invites to become a clinician: clinician documents with a key and an email, and no user yet (behaviour, "Clinicians").
 * Those made here are mailed by the worker, which sees `inviteSentTime` change. Back-end services make their own with
 * CreateClinician, and send and answer them themselves.
 */
@Injectable()
export class ClinicianInvitesService {
  constructor(
    private readonly clinicians: CliniciansRepository,
    private readonly invites: ClinicianInvitesRepository,
    private readonly identity: IdentityService,
    private readonly links: LinkSecrets,
    private readonly limits: MailLimits,
    private readonly quotas: Quotas,
  ) {}

  // by the clinic

  /** @throws {Forbidden} when an API key would invite an admin */
  async invite(clinicId: string, { email, roles }: Invitation, caller: Caller) {
    assertMayMakeAdmin(caller, roles);
    const invitedBy = inviter(caller);
    await this.limits.count('InviteClinician', { caller, clinicId, to: email });
    return this.clinicians.change(async (writes) => {
      const clinic = assertOpen(await takeTurn(writes, idOf(clinicId)));
      await this.quotas.assertRoomForClinician(clinic, (most) => this.clinicians.count(writes, clinic._id, most));
      const now = new Date();
      const invite = newClinician(
        clinic._id,
        { inviteId: drawKey(), invitedBy, inviteSentTime: now, email: normalEmail(email), roles },
        now,
      );
      await insertClinician(writes, invite);
      return clinicianView(invite);
    });
  }

  async get(clinicId: string, inviteId: string) {
    return this.view(await this.ownInvite(clinicId, inviteId));
  }

  /** Has the mail sent again, unless it was sent again within the hour. */
  async resend(clinicId: string, inviteId: string, caller: Caller) {
    inviter(caller);
    const invite = await this.ownInvite(clinicId, inviteId);
    const { _id, email, createdTime, inviteSentTime } = invite;
    const now = new Date();
    const wasResent = inviteSentTime && inviteSentTime.getTime() !== createdTime.getTime();
    if (wasResent && isRecent(inviteSentTime, now)) return this.view(invite);
    await this.limits.count('ResendInvite', { caller, clinicId, to: email });
    const resent = await this.invites.noteSending(_id, now);
    if (!resent || !isOwnInvite(resent)) throw noInvite();
    return this.view(resent);
  }

  async takeBack(clinicId: string, inviteId: string, caller: Caller): Promise<void> {
    await this.remove(clinicId, inviteId, caller, noInvite);
  }

  // by back-end services

  async invitedClinician(clinicId: string, inviteId: string) {
    const invite = await this.clinicians.invite(idOf(clinicId), inviteId);
    if (!invite) throw noClinician();
    return clinicianView(invite);
  }

  /** @throws {Conflict} when the user is a clinician of the clinic already */
  async associate(clinicId: string, inviteId: string, userId: UserId) {
    return this.join(clinicId, inviteId, { userId, name: await this.nameOf(userId) }, noClinician);
  }

  async removeInvitedClinician(clinicId: string, inviteId: string, caller: Caller): Promise<void> {
    await this.remove(clinicId, inviteId, caller, noClinician);
  }

  // by the person invited

  /** The open invites to the user's email, which proves nothing until it is verified: its holder has the mailed link. */
  async ofUser(userId: UserId) {
    const user = await this.identity.findUser(userId);
    if (user?.email === undefined || user.emailVerified !== true) return [];
    const invites = (await this.invites.to(normalEmail(user.email))).filter(isOwnInvite);
    return Promise.all(invites.map((invite) => this.view(invite)));
  }

  /** @throws {Forbidden} when the address is not proven, and when the clinic's membership restrictions keep the person out */
  async accept(userId: UserId, inviteId: string, secret: string | undefined) {
    const invite = await this.inviteTo(userId, inviteId, secret);
    const name = await this.nameOf(userId);
    return this.join(invite.clinicId.toHexString(), inviteId, { userId, name }, noInvite, (clinic) => {
      const { canAccept, requiredIdp } = mayJoin(clinic, invite.email);
      if (!canAccept) throw new Forbidden(restricted(requiredIdp));
    });
  }

  async dismiss(userId: UserId, inviteId: string, secret: string | undefined, caller: Caller): Promise<void> {
    const { clinicId } = await this.inviteTo(userId, inviteId, secret);
    await this.remove(clinicId.toHexString(), inviteId, caller, noInvite);
  }

  private join(
    clinicId: string,
    inviteId: string,
    user: { userId: UserId; name: string | undefined },
    missing: () => NotFound,
    assertMayJoin: (clinic: ClinicDocument) => void = () => {},
  ) {
    return this.clinicians.change(async (writes) => {
      const clinic = assertOpen(await takeTurn(writes, idOf(clinicId)));
      const invite = await this.inviteIn(writes, clinic, inviteId, missing);
      assertMayJoin(clinic);
      await assertUserStays(writes, user.userId);
      const member = joined(invite, user, new Date());
      await replaceClinician(writes, member);
      return clinicianView(member);
    });
  }

  private remove(clinicId: string, inviteId: string, caller: Caller, missing: () => NotFound): Promise<void> {
    return this.clinicians.change(async (writes) => {
      const clinic = assertOpen(await takeTurn(writes, idOf(clinicId)));
      await removeClinician(writes, await this.inviteIn(writes, clinic, inviteId, missing), callerName(caller));
    });
  }

  private async inviteIn(
    { session }: ClinicianWrites,
    { _id }: ClinicDocument,
    inviteId: string,
    missing: () => NotFound,
  ): Promise<ClinicianDocument> {
    const invite = await this.clinicians.invite(_id, inviteId, session);
    if (!invite) throw missing();
    return invite;
  }

  private async ownInvite(clinicId: string, inviteId: string): Promise<OwnInvite> {
    const invite = await this.clinicians.invite(idOf(clinicId), inviteId);
    if (!invite || !isOwnInvite(invite)) throw noInvite();
    return invite;
  }

  /** An invite's id is only its name, which the clinic and its keys know: the person proves to be who was invited. */
  private async inviteTo(userId: UserId, inviteId: string, secret: string | undefined): Promise<OwnInvite> {
    const user = await this.identity.findUser(userId);
    const invites = user?.email === undefined ? [] : await this.invites.to(normalEmail(user.email));
    const invite = invites.filter(isOwnInvite).find((one) => one.inviteId === inviteId);
    if (!invite) throw noInvite();
    concerns({ clinicId: invite.clinicId });
    const hasLink = secret !== undefined && this.links.matches('clinician invite', inviteId, secret);
    if (user?.emailVerified !== true && !hasLink) throw unproven();
    return invite;
  }

  private async view(invite: OwnInvite) {
    const [clinic, inviter] = await Promise.all([
      this.clinicians.clinic(invite.clinicId.toHexString()),
      this.clinicians.member(invite.clinicId, invite.invitedBy),
    ]);
    if (!clinic) throw noInvite();
    return confirmationView(invite, clinic, inviter?.name);
  }

  private async nameOf(userId: UserId): Promise<string | undefined> {
    const profile = await this.identity.profile(userId);
    if (!profile && !(await this.identity.findUser(userId))) throw new NotFound('the user has no account: not found');
    return knownName(profile?.fullName);
  }
}

/** 32 hex digits, 128 random bits. It names the invite; what opens it is in the mail alone. */
const drawKey = () => randomBytes(16).toString('hex');

const noInvite = () => new NotFound('there is no such invite, or it was answered or taken back: not found');

const unproven = () =>
  new Forbidden(
    'the address that was invited is not proven to be yours; open the link in the mail to it, or verify it first',
  );

const restricted = (requiredIdp: string | undefined) =>
  requiredIdp === undefined
    ? 'the clinic takes only members whose email is at one of its own domains; ask its admin'
    : `the clinic takes members only when they sign in through ${requiredIdp}`;

function inviter(caller: Caller): UserId {
  const invitedBy = actingUser(caller);
  if (invitedBy === undefined) throw new Forbidden();
  return invitedBy;
}
