import { Body, Controller, Param } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { UserId } from '@caregate/identity';
import { AccountOperation, ClinicOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import { UsersService } from './users.service.ts';

/** Validation by the contract has made sure that ids are ids. */
@Controller()
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @AccountOperation('DeleteUser')
  remove(@Param('userId') userId: UserId) {
    return this.users.remove(userId);
  }

  @ClinicOperation('UpdateClinicUserDetails')
  updateDetails(@Param('userId') userId: UserId, @Body() { email }: { email?: string }, @By() caller: Caller) {
    return this.users.updateEmail(userId, email, caller);
  }

  @ClinicOperation('DeleteUserFromClinics')
  removeFromClinics(@Param('userId') userId: UserId, @By() caller: Caller) {
    return this.users.removeFromClinics(userId, caller);
  }
}
