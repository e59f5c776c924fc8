import { Global, Module } from '@nestjs/common';
import { CLINIC_MODELS, clinicModels } from '@caregate/clinic-model';
import { MONGO } from '@caregate/service';

/** The shard's collections, for every repository. */
@Global()
@Module({
  providers: [{ provide: CLINIC_MODELS, inject: [MONGO], useFactory: clinicModels }],
  exports: [CLINIC_MODELS],
})
export class ModelsModule {}
