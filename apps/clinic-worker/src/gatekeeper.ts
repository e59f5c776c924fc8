import { MongoModule } from '@caregate/service';
import { type DynamicModule, Module } from '@nestjs/common';

/** Injection token of the connection to the gatekeeper database; undefined where the worker is not given one. */
export const GATEKEEPER = Symbol('GATEKEEPER');

export function databaseOfGatekeeper(uri: string | undefined): DynamicModule {
  if (uri !== undefined) return MongoModule.forRoot({ uri, token: GATEKEEPER, name: 'gatekeeper mongodb' });
  @Module({})
  class NoGatekeeper {}
  return {
    module: NoGatekeeper,
    global: true,
    providers: [{ provide: GATEKEEPER, useValue: undefined }],
    exports: [GATEKEEPER],
  };
}
