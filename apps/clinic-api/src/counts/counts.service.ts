import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicCounts, type ClinicModels, readCounts } from '@caregate/clinic-model';
import { ClinicsRepository } from '../clinics/clinics.repository.ts';

/** How many patients a clinic has. The figures change with the patients, so reading them costs the same in any clinic. */
@Injectable()
export class CountsService {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
  ) {}

  async get(clinicId: string) {
    const { _id } = await this.clinics.get(clinicId);
    return countView(await readCounts(this.models, _id));
  }

  /** Counts are always fresh; `caregate counts repair` is what recounts. */
  async refresh(clinicId: string): Promise<void> {
    await this.clinics.get(clinicId);
  }
}

function countView({ total, demo, plan, providers }: Pick<ClinicCounts, 'total' | 'demo' | 'plan' | 'providers'>) {
  const counted = Object.entries(providers).flatMap(([name, { total: ofProvider, states }]) =>
    ofProvider > 0 ? [[name, { total: ofProvider, states: onlyPositive(states) }] as const] : [],
  );
  return { total, demo, plan, ...(counted.length > 0 && { providers: Object.fromEntries(counted) }) };
}

const onlyPositive = (counts: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
