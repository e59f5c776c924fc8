import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicianRole,
  type ClinicianWrites,
  type ClinicModels,
  normalEmail,
  objectId,
  searchForm,
} from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { inTransaction, isDuplicateKey, MONGO } from '@caregate/service';
import type { ClientSession, Connection, QueryFilter, Types } from 'mongoose';
import { memberAlready } from './clinician-rules.ts';
import { ServedClinics } from '../served-clinics.ts';

export interface Page {
  readonly limit?: number;
  readonly offset?: number;
}

export interface CliniciansFilter {
  /** A part of the name or the email, compared by their search form. */
  readonly search?: string;
  readonly email?: string;
  readonly role?: string;
}

export interface CreatedBetween {
  /** RFC 3339. */
  readonly createdTimeStart?: string;
  readonly createdTimeEnd?: string;
}

const DEFAULT_LIMIT = 10;
const NEWEST_FIRST = { createdTime: -1, _id: -1 } as const;

@Injectable()
export class CliniciansRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(MONGO) private readonly connection: Connection,
    private readonly served: ServedClinics,
  ) {}

  /** Runs `work` in one transaction; what the unique indexes refuse is told as a clinician that the clinic has already. */
  /** Members and invites of a clinic, up to so many. */
  count({ models, session }: ClinicianWrites, clinicId: Types.ObjectId, most: number): Promise<number> {
    return models.clinicians.collection.countDocuments({ clinicId }, { session, limit: most });
  }

  async change<T>(work: (writes: { models: ClinicModels; session: ClientSession }) => Promise<T>): Promise<T> {
    try {
      return await inTransaction(this.connection, (session) => work({ models: this.models, session }));
    } catch (error) {
      if (isDuplicateKey(error)) throw memberAlready();
      throw error;
    }
  }

  member(
    clinicId: Types.ObjectId,
    userId: UserId,
    session: ClientSession | null = null,
  ): Promise<ClinicianDocument | null> {
    return this.one({ clinicId, userId }, session);
  }

  invite(
    clinicId: Types.ObjectId,
    inviteId: string,
    session: ClientSession | null = null,
  ): Promise<ClinicianDocument | null> {
    return this.one({ clinicId, inviteId }, session);
  }

  /** Newest first; invites are among them. */
  async ofClinic(
    clinicId: string,
    { search = '', email, role }: CliniciansFilter,
    page: Page,
  ): Promise<ClinicianDocument[]> {
    const filter: QueryFilter<ClinicianDocument> = {
      clinicId: objectId(clinicId),
      ...(email !== undefined && { email: normalEmail(email) }),
      ...(role !== undefined && { roles: role as ClinicianRole }), // a text that is no role finds nobody
    };
    const part = searchForm(search);
    if (part === '') return this.list(filter, page);
    return this.list({ ...filter, _id: { $in: await this.idsWith(part, filter) } }, page);
  }

  /** The clinicians of a clinic are few enough to look at each. */
  private async idsWith(part: string, filter: QueryFilter<ClinicianDocument>): Promise<Types.ObjectId[]> {
    const all = await this.models.clinicians.find(filter, { name: 1, email: 1 }).lean<ClinicianDocument[]>();
    return all.filter((each) => [each.name, each.email].some((text) => contains(text, part))).map(({ _id }) => _id);
  }

  async ofUser(userId: UserId, page: Page): Promise<ClinicianDocument[]> {
    return this.list({ userId, ...(await this.served.only()) }, page);
  }

  async all({ createdTimeStart, createdTimeEnd }: CreatedBetween, page: Page): Promise<ClinicianDocument[]> {
    const created = {
      ...(createdTimeStart && { $gte: new Date(createdTimeStart) }),
      ...(createdTimeEnd && { $lt: new Date(createdTimeEnd) }),
    };
    return this.list(
      { ...(Object.keys(created).length > 0 && { createdTime: created }), ...(await this.served.only()) },
      page,
    );
  }

  clinic(clinicId: string): Promise<ClinicDocument | null> {
    return this.models.clinics.findById(objectId(clinicId)).lean<ClinicDocument>();
  }

  clinics(ids: readonly Types.ObjectId[]): Promise<ClinicDocument[]> {
    return this.models.clinics.find({ _id: { $in: ids } }).lean<ClinicDocument[]>();
  }

  private one(filter: object, session: ClientSession | null): Promise<ClinicianDocument | null> {
    return this.models.clinicians.findOne(filter).session(session).lean<ClinicianDocument>();
  }

  private list(
    filter: QueryFilter<ClinicianDocument>,
    { limit = DEFAULT_LIMIT, offset = 0 }: Page,
  ): Promise<ClinicianDocument[]> {
    return this.models.clinicians.find(filter).sort(NEWEST_FIRST).skip(offset).limit(limit).lean<ClinicianDocument[]>();
  }
}

const contains = (text: string | undefined, part: string) => text !== undefined && searchForm(text).includes(part);
