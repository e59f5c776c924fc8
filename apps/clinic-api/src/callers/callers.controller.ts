import type { Caller } from '@caregate/access';
import { Controller } from '@nestjs/common';
import { AccountOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import { CallersService } from './callers.service.ts';

@Controller()
export class CallersController {
  constructor(private readonly callers: CallersService) {}

  @AccountOperation('GetCaller')
  describe(@By() caller: Caller) {
    return this.callers.describe(caller);
  }
}
