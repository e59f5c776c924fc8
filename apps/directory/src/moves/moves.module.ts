import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { MoveRunner } from './move-runner.service.ts';
import { MoveSteps } from './move-steps.service.ts';
import { MovesController } from './moves.controller.ts';
import { MovesRepository } from './moves.repository.ts';
import { MovesService } from './moves.service.ts';
import { ShardMoves } from './shard-moves.ts';

/** Moves of accounts between shards. */
@Module({
  imports: [AccountsModule],
  controllers: [MovesController],
  providers: [MovesService, MovesRepository, MoveSteps, MoveRunner, ShardMoves],
})
export class MovesModule {}
