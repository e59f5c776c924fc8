import { Body, Controller, Param } from '@nestjs/common';
import type { ClinicInputs } from '@caregate/contracts';
import type { Caller } from '@caregate/access';
import { ClinicOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import { PatientInvitesService } from './patient-invites.service.ts';

@Controller()
export class PatientInvitesController {
  constructor(private readonly invites: PatientInvitesService) {}

  @ClinicOperation('CreatePatientInvite')
  create(@Param('userId') userId: string, @Body() input: ClinicInputs['PatientInvitation'], @By() caller: Caller) {
    return this.invites.create(userId, input, caller);
  }

  /** The path by which clients of the public system do the same. */
  @ClinicOperation('SendPatientInvite')
  send(@Param('userId') userId: string, @Body() input: ClinicInputs['PatientInvitation'], @By() caller: Caller) {
    return this.invites.create(userId, input, caller);
  }

  @ClinicOperation('ListPatientInvites')
  ofPatient(@Param('userId') userId: string) {
    return this.invites.ofPatient(userId);
  }

  @ClinicOperation('DeletePatientInvite')
  takeBack(@Param('userId') userId: string, @Param('inviteId') key: string) {
    return this.invites.takeBack(userId, key);
  }

  @ClinicOperation('GetPatientInvites')
  ofClinic(@Param('clinicId') clinicId: string) {
    return this.invites.ofClinic(clinicId);
  }

  @ClinicOperation('AcceptPatientInvitation')
  accept(
    @Param('clinicId') clinicId: string,
    @Param('inviteId') key: string,
    @Body() input?: ClinicInputs['PatientInvitationAcceptance'],
  ) {
    return this.invites.accept(clinicId, key, input);
  }

  @ClinicOperation('DismissPatientInvite')
  dismiss(@Param('clinicId') clinicId: string, @Param('inviteId') key: string) {
    return this.invites.dismiss(clinicId, key);
  }
}
