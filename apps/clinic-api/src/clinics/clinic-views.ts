import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicCountsDocument,
  type ClinicDocument,
  type ClinicModels,
  stripesOf,
  sumCounts,
} from '@caregate/clinic-model';
import { clinicView, NO_COUNTS } from './clinic.view.ts';

type Stripe = Pick<ClinicCountsDocument, 'clinicId' | 'tags' | 'sites'>;
const STRIPE = { _id: 0, clinicId: 1, tags: 1, sites: 1 } as const;

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
    const byClinic = new Map(ids.map((id): [string, Stripe[]] => [id.toHexString(), []]));
    const which = { $or: ids.map(stripesOf) };
    // Not through mongoose, which would take longer than the reading. The projection takes what a stripe is here.
    const found = await this.models.clinicCounts.collection.find(which, { projection: STRIPE }).toArray();
    for (const stripe of found as unknown as Stripe[]) byClinic.get(stripe.clinicId.toHexString())?.push(stripe);
    return ({ _id }: ClinicDocument) => sumCounts(byClinic.get(_id.toHexString()) ?? []);
  }
}
