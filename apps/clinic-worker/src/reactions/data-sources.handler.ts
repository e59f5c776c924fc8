import { type ChangedPatient, type ChangeEvent, isNews, Reaction } from '@caregate/change-events';
import {
  changePatient,
  CLINIC_MODELS,
  type ClinicModels,
  type DataSource,
  findPatient,
  type PatientDocument,
} from '@caregate/clinic-model';
import { IdentityService, type UserDataSource } from '@caregate/identity';
import { CONFIG, inTransaction, MONGO } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import { type Connection, Types } from 'mongoose';
import type { ClinicWorkerConfig } from '../config.ts';
import { Records } from '../records.service.ts';
import { isCustodial } from './patient-conditions.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

/**
 * A patient was added who has an account of their own: their data sources are copied to the patient. Where no service knows them
 * (IDENTITY=local, or no DATA_SOURCES_URL), they are what another clinic of this shard was told of the same user.
 */
@Controller()
export class DataSources {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly records: Records,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    private readonly identity: IdentityService,
  ) {}

  @Reaction<PatientEvent>({
    name: 'copy_data_sources',
    stream: 'patients',
    when: ({ operationType, fullDocument: patient }) =>
      operationType === 'insert' && patient !== undefined && !isCustodial(patient),
  })
  async copy(event: PatientEvent): Promise<string | undefined> {
    const patient = await this.records.patient(event);
    if (!patient || isCustodial(patient)) return 'the patient is gone, or is looked after by the clinic';
    if (!isNews(event, patient.createdTime)) return 'the patient is not new';
    const known = await this.identity.dataSources(patient.userId);
    const dataSources = known ? known.slice(0, MOST_SOURCES).map(asKept) : await this.toldElsewhere(patient);
    if (dataSources.length === 0) return 'no data sources';
    return this.give(patient, dataSources);
  }

  /** By the index `by_user`. */
  private async toldElsewhere({ _id, userId }: PatientDocument): Promise<readonly DataSource[]> {
    const other = await this.models.patients
      .findOne({ userId, _id: { $ne: _id }, 'dataSources.0': { $exists: true } }, { dataSources: 1 })
      .sort({ createdTime: -1 })
      .lean<Pick<PatientDocument, 'dataSources'>>();
    return other?.dataSources ?? [];
  }

  /** What the patient has already is newer, and stays. */
  private give({ clinicId, userId }: PatientDocument, dataSources: readonly DataSource[]): Promise<string> {
    return inTransaction(this.connection, async (session) => {
      const patient = await findPatient(this.models, clinicId, userId, session);
      if (!patient) return 'the patient is gone';
      if (patient.dataSources && patient.dataSources.length > 0) return 'the patient has data sources already';
      const isDemo = (id: string) => id === this.config.DEMO_PATIENT_USER_ID;
      await changePatient({ models: this.models, session, isDemo }, patient, { dataSources, updatedTime: new Date() });
      return `${dataSources.length} data sources`;
    });
  }
}

/** As many as the clinic contract takes. */
const MOST_SOURCES = 100;

/** As a patient has them; an id that is none of ours is left out. */
function asKept({ dataSourceId, ...source }: UserDataSource): DataSource {
  return {
    ...(dataSourceId !== undefined &&
      /^[0-9a-f]{24}$/.test(dataSourceId) && { dataSourceId: new Types.ObjectId(dataSourceId) }),
    ...source,
  };
}
