import { Body, Controller, Headers, Param } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { UserId } from '@caregate/identity';
import { ClinicOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import { ClinicianInvitesService, type Invitation } from './clinician-invites.service.ts';

const SECRET_HEADER = 'x-caregate-invite-secret';

/** Validation by the contract has made sure that ids are ids. */
@Controller()
export class ClinicianInvitesController {
  constructor(private readonly invites: ClinicianInvitesService) {}

  @ClinicOperation('InviteClinician')
  invite(@Param('clinicId') clinicId: string, @Body() invitation: Invitation, @By() caller: Caller) {
    return this.invites.invite(clinicId, invitation, caller);
  }

  @ClinicOperation('GetClinicianInvite')
  get(@Param('clinicId') clinicId: string, @Param('inviteId') inviteId: string) {
    return this.invites.get(clinicId, inviteId);
  }

  @ClinicOperation('ResendInvite')
  resend(@Param('clinicId') clinicId: string, @Param('inviteId') inviteId: string, @By() caller: Caller) {
    return this.invites.resend(clinicId, inviteId, caller);
  }

  @ClinicOperation('DeleteInvite')
  takeBack(@Param('clinicId') clinicId: string, @Param('inviteId') inviteId: string, @By() caller: Caller) {
    return this.invites.takeBack(clinicId, inviteId, caller);
  }

  @ClinicOperation('GetInvitedClinician')
  invitedClinician(@Param('clinicId') clinicId: string, @Param('inviteId') inviteId: string) {
    return this.invites.invitedClinician(clinicId, inviteId);
  }

  @ClinicOperation('AssociateClinicianToUser')
  associate(
    @Param('clinicId') clinicId: string,
    @Param('inviteId') inviteId: string,
    @Body() { userId }: { userId: UserId },
  ) {
    return this.invites.associate(clinicId, inviteId, userId);
  }

  @ClinicOperation('DeleteInvitedClinician')
  removeInvitedClinician(
    @Param('clinicId') clinicId: string,
    @Param('inviteId') inviteId: string,
    @By() caller: Caller,
  ) {
    return this.invites.removeInvitedClinician(clinicId, inviteId, caller);
  }

  @ClinicOperation('ListClinicianInvites')
  ofUser(@Param('userId') userId: UserId) {
    return this.invites.ofUser(userId);
  }

  @ClinicOperation('AcceptClinicianInvite')
  accept(
    @Param('userId') userId: UserId,
    @Param('inviteId') inviteId: string,
    @Headers(SECRET_HEADER) secret: string | undefined,
  ) {
    return this.invites.accept(userId, inviteId, secret);
  }

  @ClinicOperation('DismissClinicianInvite')
  dismiss(
    @Param('userId') userId: UserId,
    @Param('inviteId') inviteId: string,
    @Headers(SECRET_HEADER) secret: string | undefined,
    @By() caller: Caller,
  ) {
    return this.invites.dismiss(userId, inviteId, secret, caller);
  }
}
