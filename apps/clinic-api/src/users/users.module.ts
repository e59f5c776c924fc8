import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { UsersController } from './users.controller.ts';
import { UsersService } from './users.service.ts';

@Module({ imports: [ClinicsModule], controllers: [UsersController], providers: [UsersService] })
export class UsersModule {}
