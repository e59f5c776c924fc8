import { Global, Module } from '@nestjs/common';
import { CLINIC_MODELS, clinicModels } from '@caregate/clinic-model';
import { MONGO } from '@caregate/service';
import { CallerClinics } from './caller-clinics.ts';
import { ServedClinics } from './served-clinics.ts';

/** The shard's collections, for every repository. */
@Global()
@Module({
  providers: [{ provide: CLINIC_MODELS, inject: [MONGO], useFactory: clinicModels }, CallerClinics, ServedClinics],
  exports: [CLINIC_MODELS, CallerClinics, ServedClinics],
})
export class ModelsModule {}
