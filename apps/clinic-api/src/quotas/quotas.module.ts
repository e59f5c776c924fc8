import { Global, Module } from '@nestjs/common';
import { MovesModule } from '../moves/moves.module.ts';
import { AccountUsage } from './account-usage.service.ts';
import { QuotasController } from './quotas.controller.ts';
import { QuotasRepository } from './quotas.repository.ts';
import { Quotas } from './quotas.service.ts';

/** How much of the shard one account may take: asked wherever something is added. */
@Global()
@Module({
  imports: [MovesModule],
  controllers: [QuotasController],
  providers: [Quotas, QuotasRepository, AccountUsage],
  exports: [Quotas],
})
export class QuotasModule {}
