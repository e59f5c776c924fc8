import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, type MrnSettings } from '@caregate/clinic-model';
import { NotFound, Unprocessable } from '@caregate/service';
import type { ClientSession, Types } from 'mongoose';
import { ClinicsRepository, idOf } from '../clinics/clinics.repository.ts';

/** Whether patients of a clinic must have an MRN, and whether no two may have the same. */
@Injectable()
export class MrnSettingsService {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
  ) {}

  async get(clinicId: string): Promise<MrnSettings> {
    const { mrnSettings } = await this.clinics.get(clinicId);
    if (!mrnSettings) throw new NotFound('the clinic has no rules for medical record numbers: not found');
    return mrnSettings;
  }

  /**
   * Turning uniqueness on or off reaches the patients who are there already, in the same transaction.
   * @throws {Unprocessable} when it is turned on and patients share an MRN: none of them could say which is right
   */
  update(clinicId: string, { required, unique }: MrnSettings): Promise<MrnSettings> {
    return this.clinics.alone(clinicId, async ({ mrnSettings: before }, session) => {
      const mrnSettings = { required, unique };
      if ((before?.unique ?? false) !== unique) await this.guardMrns(idOf(clinicId), unique, session);
      await this.clinics.update(clinicId, { $set: { mrnSettings } }, session);
      return mrnSettings;
    });
  }

  private async guardMrns(clinicId: Types.ObjectId, unique: boolean, session: ClientSession): Promise<void> {
    if (!unique) {
      await this.models.patients.collection.updateMany(
        { clinicId, uniqueMrn: { $exists: true } },
        { $unset: { uniqueMrn: 1 } },
        { session },
      );
      return;
    }
    const shared = await this.countShared(clinicId, session);
    if (shared > 0) {
      throw new Unprocessable(
        `constraint violation: ${shared} medical record numbers belong to several patients of the clinic; make them different first`,
      );
    }
    await this.models.patients.collection.updateMany(
      { clinicId, mrn: { $gt: '' } },
      [{ $set: { uniqueMrn: '$mrn' } }],
      { session },
    );
  }

  private async countShared(clinicId: Types.ObjectId, session: ClientSession): Promise<number> {
    const [found] = await this.models.patients.collection
      .aggregate<{ shared: number }>(
        [
          { $match: { clinicId, mrn: { $gt: '' } } },
          { $group: { _id: '$mrn', patients: { $sum: 1 } } },
          { $match: { patients: { $gt: 1 } } },
          { $count: 'shared' },
        ],
        { session },
      )
      .toArray();
    return found?.shared ?? 0;
  }
}
