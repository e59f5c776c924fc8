import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicCountsDocument,
  type ClinicDocument,
  type ClinicModels,
  sumCounts,
} from '@caregate/clinic-model';
import { clinicView, NO_COUNTS } from './clinic.view.ts';

/** Clinics as clients see them, with how many patients each tag and site has. */
@Injectable()
export class ClinicViews {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  async one(clinic: ClinicDocument) {
    const counts = await this.countsOf([clinic]);
    return clinicView(clinic, counts(clinic));
  }

  /** In the order given. The counts of all are read at once, and only of those that have something to count. */
  async many(clinics: readonly ClinicDocument[]) {
    const counts = await this.countsOf(clinics);
    return clinics.map((clinic) => clinicView(clinic, counts(clinic)));
  }

  private async countsOf(clinics: readonly ClinicDocument[]) {
    const ids = clinics.filter(({ patientTags, sites }) => patientTags.length + sites.length > 0).map(({ _id }) => _id);
    if (ids.length === 0) return () => NO_COUNTS;
    const stripes = await this.models.clinicCounts.find({ clinicId: { $in: ids } }).lean<ClinicCountsDocument[]>();
    const byClinic = new Map(ids.map((id): [string, ClinicCountsDocument[]] => [id.toHexString(), []]));
    for (const stripe of stripes) byClinic.get(stripe.clinicId.toHexString())?.push(stripe);
    return ({ _id }: ClinicDocument) => sumCounts(byClinic.get(_id.toHexString()) ?? []);
  }
}
