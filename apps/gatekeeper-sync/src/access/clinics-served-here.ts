import { clinicsElsewhere } from '@caregate/clinic-model';
import { InjectMongo } from '@caregate/service';
import { Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** Knows from the clinic database which clinics have left this shard or are only on their way here. */
@Injectable()
export class ClinicsServedHere {
  constructor(@InjectMongo() private readonly connection: Connection) {}

  /** Ids of clinics that may have rows here and are not served here. */
  async elsewhere(): Promise<ReadonlySet<string>> {
    return new Set((await clinicsElsewhere(this.connection)).map((id) => id.toHexString()));
  }
}
