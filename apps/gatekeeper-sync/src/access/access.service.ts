import { Inject, Injectable } from '@nestjs/common';
import type { Permissions, UserId } from '@caregate/identity';
import { BadRequest, CONFIG, NotFound } from '@caregate/service';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatekeeperSyncConfig } from '../config.ts';
import { AccessRepository } from './access.repository.ts';
import { isEmpty, OWN, samePermissions, united } from './permissions.ts';
import { DirectSharing, type Sharer } from './direct-sharing.ts';

/** Who may see whose data: by direct sharing, and through every clinic that the patient shares with and the other works in. */
@Injectable()
export class AccessService {
  constructor(
    private readonly rows: AccessRepository,
    private readonly sharing: DirectSharing,
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
  ) {}

  /** @throws {NotFound} when the grantee has no permission */
  async permissionsOf(userId: UserId, granteeId: UserId): Promise<Permissions> {
    const permissions = await this.grantedTo(granteeId, userId);
    if (isEmpty(permissions)) throw new NotFound(`user ${granteeId} has no permissions for the data of user ${userId}`);
    return permissions;
  }

  /** The same, with an empty set for nothing. */
  async grantedTo(granteeId: UserId, userId: UserId): Promise<Permissions> {
    if (granteeId === userId) return OWN;
    const [direct, throughClinics] = await Promise.all([
      this.rows.shared(userId, granteeId),
      this.rows.throughClinics(userId, granteeId),
    ]);
    return united([...direct, ...throughClinics]);
  }

  /** With whom the user shares directly, the user first. Clinics' people are not listed: a large one has thousands. */
  async granteesOf(userId: UserId): Promise<Record<string, Permissions>> {
    return byUser(userId, await this.rows.sharedBy(userId));
  }

  /** Who shares directly with the user, the user first. */
  async sharersWith(userId: UserId): Promise<Record<string, Permissions>> {
    return byUser(userId, await this.rows.sharedWith(userId));
  }

  /**
   * Shares the user's data with somebody in place of what was shared before; an empty set ends it. It is written to the clinic database
   * and comes back by replication: as long as a read would wait for it, so does the answer.
   * @returns what the grantee has now, directly and through clinics
   * @throws {BadRequest} for what can not be shared, {Forbidden} when the caller has no right to share (any more)
   */
  async share(userId: UserId, granteeId: UserId, permissions: Permissions, by: Sharer): Promise<Permissions> {
    if (userId === granteeId) throw new BadRequest('a user can not share with themselves; name another user');
    await this.sharing.set(userId, granteeId, permissions, by);
    await this.untilReplicated(userId, granteeId, permissions);
    return united([permissions, ...(await this.rows.throughClinics(userId, granteeId))]);
  }

  private async untilReplicated(userId: UserId, granteeId: UserId, permissions: Permissions): Promise<void> {
    const giveUp = performance.now() + this.config.READ_AFTER_TIMEOUT_MS;
    for (let waitMs = 5; ; waitMs = Math.min(250, waitMs * 1.5)) {
      const [shared = {}] = await this.rows.shared(userId, granteeId);
      if (samePermissions(shared, permissions) || performance.now() > giveUp) return;
      await pause(waitMs);
    }
  }
}

interface Granted {
  readonly userId: string;
  readonly permissions: Permissions;
}

function byUser(self: UserId, granted: readonly Granted[]): Record<string, Permissions> {
  const others = granted.filter(({ permissions }) => !isEmpty(permissions));
  return Object.fromEntries([[self, OWN], ...others.map(({ userId, permissions }) => [userId, permissions])]);
}
