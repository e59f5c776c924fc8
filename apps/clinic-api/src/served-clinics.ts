import { Inject, Injectable } from '@nestjs/common';
import { clinicsElsewhere } from '@caregate/clinic-model';
import { MONGO, NotFound } from '@caregate/service';
import type { Connection, Types } from 'mongoose';
import { SharedReads } from './shared-reads.ts';

/**
 * Which clinics are served here. Where a path names a clinic the gate looks (`AccountStandings`); whatever reads or changes documents of
 * several clinics, or finds a clinic by something else than the path, asks here.
 */
@Injectable()
export class ServedClinics {
  private readonly reads = new SharedReads<readonly Types.ObjectId[]>();

  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  /** A condition that documents of served clinics alone fulfil, by the field that names their clinic. */
  async only(field: 'clinicId' | '_id' = 'clinicId'): Promise<{ readonly $and?: object[] }> {
    const elsewhere = await this.elsewhere();
    return elsewhere.length === 0 ? {} : { $and: [{ [field]: { $nin: [...elsewhere] } }] };
  }

  /** @throws {NotFound} when one of the clinics is not served here */
  async assertServed(...clinicIds: readonly string[]): Promise<void> {
    const elsewhere = await this.elsewhere();
    if (elsewhere.some((id) => clinicIds.includes(id.toHexString()))) throw new NotFound('clinic not found');
  }

  private elsewhere(): Promise<readonly Types.ObjectId[]> {
    return this.reads.read('', () => clinicsElsewhere(this.connection));
  }
}
