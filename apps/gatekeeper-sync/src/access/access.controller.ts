import { Body, Controller, Param, UseGuards } from '@nestjs/common';
import type { Permissions, UserId } from '@caregate/identity';
import { GatekeeperOperation } from '../contract.ts';
import { AccessService } from './access.service.ts';
import { ReadAfter } from './read-after.guard.ts';

/** The contract has the ids in the path checked, so that they are user ids here. */
@Controller()
@UseGuards(ReadAfter)
export class AccessController {
  constructor(private readonly access: AccessService) {}

  @GatekeeperOperation('ListGroups')
  listGroups(@Param('userId') userId: UserId) {
    return this.access.whomMaySee(userId);
  }

  @GatekeeperOperation('ListGrantees')
  listGrantees(@Param('userId') userId: UserId) {
    return this.access.whoMaySee(userId);
  }

  @GatekeeperOperation('GetPermissions')
  get(@Param('userId') userId: UserId, @Param('granteeId') granteeId: UserId) {
    return this.access.permissionsOf(userId, granteeId);
  }

  @GatekeeperOperation('SetPermissions')
  set(
    @Param('userId') userId: UserId,
    @Param('granteeId') granteeId: UserId,
    @Body() permissions: Permissions | undefined,
  ) {
    return this.access.share(userId, granteeId, permissions ?? {});
  }
}
