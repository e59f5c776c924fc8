import { Body, Controller, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AccountOperation } from '../contract.ts';
import { ImportedKeysService, type KeyImport } from './imported-keys.service.ts';

@Controller()
export class ImportedKeysController {
  constructor(private readonly imported: ImportedKeysService) {}

  @AccountOperation('ImportApiKeys')
  bring(@Body() wanted: KeyImport, @Req() request: FastifyRequest) {
    return this.imported.bring(wanted, request);
  }
}
