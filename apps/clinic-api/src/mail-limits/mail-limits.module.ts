import { Global, Module } from '@nestjs/common';
import { GateModule } from '../gate/gate.module.ts';
import { MailLimits } from './mail-limits.service.ts';

/** How many emails people may bring about. */
@Global()
@Module({ imports: [GateModule], providers: [MailLimits], exports: [MailLimits] })
export class MailLimitsModule {}
