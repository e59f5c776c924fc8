import { Module } from '@nestjs/common';
import { AccessGate } from './access-gate.service.ts';
import { AccessController } from './access.controller.ts';
import { AccessRepository } from './access.repository.ts';
import { AccessService } from './access.service.ts';

@Module({ controllers: [AccessController], providers: [AccessService, AccessRepository, AccessGate], exports: [AccessGate] })
export class AccessModule {}
