import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { ApiKeysModule } from '../api-keys/api-keys.module.ts';
import { MovesModule } from '../moves/moves.module.ts';
import { ShardFacts } from './facts.ts';
import { Gate } from './gate.service.ts';
import { HostRules } from './host-rules.ts';
import { RateLimits } from './rate-limits.ts';

@Module({
  imports: [AccountsModule, ApiKeysModule, MovesModule],
  providers: [Gate, ShardFacts, HostRules, RateLimits],
  exports: [Gate, ShardFacts],
})
export class GateModule {}
