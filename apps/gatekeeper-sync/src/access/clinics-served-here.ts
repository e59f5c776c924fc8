import { elsewhereAmong } from '@caregate/clinic-model';
import { InjectMongo } from '@caregate/service';
import { Injectable } from '@nestjs/common';
import type { Connection, mongo } from 'mongoose';

interface OfClinic {
  readonly clinicId: mongo.ObjectId;
}

/** Knows from the clinic database which clinics have left this shard or are only on their way here. */
@Injectable()
export class ClinicsServedHere {
  constructor(@InjectMongo() private readonly connection: Connection) {}

  /** Rows of clinics that are served elsewhere say what was: who may see whom there is decided there. */
  async only<Row extends OfClinic>(rows: readonly Row[]): Promise<Row[]> {
    const elsewhere = await elsewhereAmong(
      this.connection,
      rows.map(({ clinicId }) => clinicId),
    );
    const ids = new Set(elsewhere.map((id) => id.toHexString()));
    return rows.filter(({ clinicId }) => !ids.has(clinicId.toHexString()));
  }
}
