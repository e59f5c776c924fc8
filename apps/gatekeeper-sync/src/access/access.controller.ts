import { Body, Controller, Param, Req, UseGuards } from '@nestjs/common';
import type { Permissions, UserId } from '@caregate/identity';
import type { FastifyRequest } from 'fastify';
import { GatekeeperOperation } from '../contract.ts';
import { AccessService } from './access.service.ts';
import { shareable } from './permissions.ts';
import { ReadAfter } from './read-after.guard.ts';
import { SharingAudit } from './sharing-audit.ts';

/** The contract has the ids in the path checked, so that they are user ids here. */
@Controller()
@UseGuards(ReadAfter)
export class AccessController {
  constructor(
    private readonly access: AccessService,
    private readonly audit: SharingAudit,
  ) {}

  @GatekeeperOperation('ListGroups')
  listGroups(@Param('userId') userId: UserId) {
    return this.access.sharersWith(userId);
  }

  @GatekeeperOperation('ListGrantees')
  listGrantees(@Param('userId') userId: UserId) {
    return this.access.granteesOf(userId);
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
    @Req() request: FastifyRequest,
  ) {
    const { principal } = request;
    const by = principal.kind === 'user' ? principal.userId : 'service';
    return this.audit.around(userId, request, () =>
      this.access.share(userId, granteeId, shareable(permissions ?? {}), by),
    );
  }
}
