import { Inject, Injectable } from '@nestjs/common';
import {
  type AccountId,
  askPatientWritesToWait,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  holdPatientWrites,
  letPatientWritesGoOn,
  isObjectIdText,
  objectId,
  takeTurn,
} from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { inTransaction, MONGO, NotFound } from '@caregate/service';
import type { ClientSession, Connection, Types } from 'mongoose';
import { ServedClinics } from '../served-clinics.ts';

export interface ClinicFilter {
  readonly shareCode?: string;
  /** RFC 3339. */
  readonly createdTimeStart?: string;
  readonly createdTimeEnd?: string;
  readonly ehrEnabled?: boolean;
}

export interface Page {
  readonly limit?: number;
  readonly offset?: number;
}

/** As MongoDB takes it: nothing is cast. */
export interface ClinicChange {
  readonly $set?: { readonly [Field in keyof ClinicDocument]?: ClinicDocument[Field] | undefined };
  readonly $unset?: { readonly [Field in keyof ClinicDocument]?: number };
  readonly $addToSet?: { readonly shareCodes: { readonly $each: string[] } };
}

const DEFAULT_LIMIT = 10;

@Injectable()
export class ClinicsRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(MONGO) private readonly connection: Connection,
    private readonly served: ServedClinics,
  ) {}

  /**
   * Runs `work` in a transaction in which nobody else has the clinic's turn: what it sees of the clinic is what is true when it is done.
   * @throws {NotFound} when there is no such clinic
   */
  inTurn<T>(clinicId: string, work: (clinic: ClinicDocument, session: ClientSession) => Promise<T>): Promise<T> {
    return inTransaction(this.connection, async (session) => {
      const clinic = await takeTurn({ models: this.models, session }, idOf(clinicId));
      return work(clinic ?? noClinic(), session);
    });
  }

  /** @throws {NotFound} when there is no such clinic */
  async get(clinicId: string, session: ClientSession | null = null): Promise<ClinicDocument> {
    const clinic = await this.models.clinics.findById(idOf(clinicId)).session(session).lean<ClinicDocument>();
    return clinic ?? noClinic();
  }

  /**
   * As `inTurn`, and nobody else adds, removes or regroups patients of the clinic meanwhile: for what reaches all of them.
   * Tried at once; only when others are in the way are they asked to wait.
   * @throws {NotFound} when there is no such clinic
   */
  alone<T>(clinicId: string, work: (clinic: ClinicDocument, session: ClientSession) => Promise<T>): Promise<T> {
    return this.aloneWith([idOf(clinicId)], ([clinic], session) => work(clinic ?? noClinic(), session));
  }

  /** As `alone`, with two clinics at once. */
  aloneWithBoth<T>(
    one: string,
    other: string,
    work: (one: ClinicDocument, other: ClinicDocument, session: ClientSession) => Promise<T>,
  ): Promise<T> {
    return this.aloneWith([idOf(one), idOf(other)], ([first, second], session) =>
      work(first ?? noClinic(), second ?? noClinic(), session),
    );
  }

  private async aloneWith<T>(
    clinicIds: readonly Types.ObjectId[],
    work: (clinics: readonly ClinicDocument[], session: ClientSession) => Promise<T>,
  ): Promise<T> {
    const { models } = this;
    let attempts = 0;
    try {
      return await inTransaction(this.connection, async (session) => {
        if (attempts++ > 0) for (const clinicId of clinicIds) await askPatientWritesToWait(models, clinicId);
        // First, for each moment in the transaction is one to be overtaken in.
        for (const clinicId of clinicIds) await holdPatientWrites(models, session, clinicId);
        const clinics: ClinicDocument[] = [];
        for (const clinicId of clinicIds) clinics.push((await takeTurn({ models, session }, clinicId)) ?? noClinic());
        return work(clinics, session);
      });
    } catch (error) {
      if (attempts > 1) for (const clinicId of clinicIds) await letPatientWritesGoOn(models, clinicId);
      throw error;
    }
  }

  async byShareCode(shareCode: string): Promise<ClinicDocument | undefined> {
    const filter = { shareCodes: shareCode, ...(await this.served.only('_id')) };
    return (await this.models.clinics.findOne(filter).lean<ClinicDocument>()) ?? undefined;
  }

  /** Whether the user is an admin of any clinic of the account. */
  async administersOneOf(accountId: AccountId, userId: UserId): Promise<boolean> {
    const memberships = await this.models.clinicians
      .find({ userId, roles: 'CLINIC_ADMIN' }, { _id: 0, clinicId: 1 })
      .lean();
    const clinicIds = memberships.map(({ clinicId }) => clinicId);
    return (await this.models.clinics.exists({ _id: { $in: clinicIds }, accountId })) !== null;
  }

  /** Oldest first. */
  async list(
    { shareCode, createdTimeStart, createdTimeEnd, ehrEnabled }: ClinicFilter,
    { limit = DEFAULT_LIMIT, offset = 0 }: Page,
  ) {
    const created = {
      ...(createdTimeStart !== undefined && { $gte: new Date(createdTimeStart) }),
      ...(createdTimeEnd !== undefined && { $lt: new Date(createdTimeEnd) }),
    };
    return this.models.clinics
      .find({
        ...(shareCode !== undefined && { shareCodes: shareCode }),
        ...(Object.keys(created).length > 0 && { createdTime: created }),
        ...(ehrEnabled !== undefined && { 'ehrSettings.enabled': ehrEnabled }),
        ...(await this.served.only('_id')),
      })
      .sort({ createdTime: 1, _id: 1 })
      .skip(offset)
      .limit(limit)
      .lean<ClinicDocument[]>();
  }

  async insert(clinic: ClinicDocument, session: ClientSession): Promise<void> {
    await this.models.clinics.collection.insertOne(clinic, { session });
  }

  /**
   * Changes a clinic and gives it as it is then.
   * @throws {NotFound} when there is no such clinic
   */
  async update(clinicId: string, { $set, ...change }: ClinicChange, session: ClientSession): Promise<ClinicDocument> {
    // Not through mongoose, which would take longer than all else here.
    const clinic = await this.models.clinics.collection.findOneAndUpdate(
      { _id: idOf(clinicId) },
      { ...change, $set: { ...$set, updatedTime: new Date() } },
      { returnDocument: 'after', session },
    );
    return (clinic as ClinicDocument | null) ?? noClinic(); // what the collection holds
  }

  /** As `update`, and nothing else. */
  updateAlone(clinicId: string, change: ClinicChange): Promise<ClinicDocument> {
    return inTransaction(this.connection, (session) => this.update(clinicId, change, session));
  }

  async remove(_id: Types.ObjectId, session: ClientSession): Promise<void> {
    await this.models.clinics.collection.deleteOne({ _id }, { session });
  }
}

/** What is not an id is the id of no clinic. */
export const idOf = (clinicId: string): Types.ObjectId => (isObjectIdText(clinicId) ? objectId(clinicId) : noClinic());

function noClinic(): never {
  throw new NotFound('clinic not found');
}
