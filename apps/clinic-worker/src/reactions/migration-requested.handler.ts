import { type ChangedMigration, type ChangeEvent, isCopied, Reaction, ReactionContext } from '@caregate/change-events';
import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Types } from 'mongoose';
import { MigrationService } from '../migrations/migration.service.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { BY_MAIL } from './by-mail.ts';

type MigrationEvent = ChangeEvent<ChangedMigration>;

const A_DAY = 24 * 3_600_000;

/** A migration of a legacy clinic account was asked for: it is carried out. */
@Controller()
export class MigrationRequested {
  constructor(private readonly migrations: MigrationService) {}

  @WithoutDoor()
  @Reaction<MigrationEvent>({
    name: 'migrate_legacy_clinic',
    stream: 'migrations',
    when: (event) => event.operationType === 'insert' && (isCopied(event) || event.fullDocument?.status === 'PENDING'),
    ...BY_MAIL,
    queue: 'migrations',
    deadline: A_DAY,
  })
  async carryOut(
    @Payload() { documentKey }: MigrationEvent,
    @Ctx() context: ReactionContext,
  ): Promise<string | undefined> {
    return documentKey._id instanceof Types.ObjectId
      ? this.migrations.carryOut(documentKey._id, context.signal)
      : undefined;
  }
}
