import { Inject, Injectable } from '@nestjs/common';
import { type AccountId, CLINIC_MODELS, type ClinicModels, objectId } from '@caregate/clinic-model';
import { isDuplicateKey, MONGO } from '@caregate/service';
import type { ClientSession, Connection, mongo } from 'mongoose';

/** What is kept of a request with an `Idempotency-Key`, for a day. */
export interface IdempotencyRecord {
  /** Of caller and key, as a hash. */
  readonly _id: string;
  readonly fingerprint: string;
  readonly operationId: string;
  /** With which the record moves to another shard. */
  readonly accountId?: AccountId;
  /** The attempt that carries the request out; while its lease lasts, others wait. */
  readonly attempt: string;
  readonly leaseUntil: Date;
  /** Set by the transaction that carried the request out. */
  readonly carriedOut?: boolean;
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly sealed: mongo.Binary;
  };
  readonly createdTime: Date;
  readonly expiresTime: Date;
}

export type Attempt = Pick<IdempotencyRecord, '_id' | 'attempt'>;

const QUICKLY = { writeConcern: { w: 1, journal: false } };

@Injectable()
export class IdempotencyRepository {
  private readonly records;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
  ) {
    this.records = connection.collection<IdempotencyRecord>('idempotency_records');
  }

  /** The account that holds a clinic, if any. */
  async accountOf(clinicId: string): Promise<AccountId | undefined> {
    return (await this.models.clinics.findById(objectId(clinicId), { _id: 0, accountId: 1 }).lean())?.accountId;
  }

  /** Says whether the record is new; false when this caller has used this key already. */
  async insert(record: IdempotencyRecord): Promise<boolean> {
    try {
      await this.records.insertOne(record);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  find(_id: string): Promise<IdempotencyRecord | null> {
    return this.records.findOne({ _id });
  }

  /** Takes an attempt over whose lease has run out; false when another was faster, or it is alive after all. */
  async takeOver(
    { _id, attempt, leaseUntil }: IdempotencyRecord,
    next: Pick<IdempotencyRecord, 'attempt' | 'leaseUntil'>,
  ): Promise<boolean> {
    const { modifiedCount } = await this.records.updateOne(
      { _id, attempt, leaseUntil },
      { $set: { attempt: next.attempt, leaseUntil: next.leaseUntil }, $unset: { carriedOut: 1 } },
    );
    return modifiedCount === 1;
  }

  async renew({ _id, attempt }: Attempt, leaseUntil: Date): Promise<void> {
    await this.records.updateOne({ _id, attempt }, { $set: { leaseUntil } });
  }

  /** Says whether the attempt still is the one that may carry the request out. */
  async noteCarriedOut({ _id, attempt }: Attempt, session: ClientSession): Promise<boolean> {
    const { matchedCount } = await this.records.updateOne(
      { _id, attempt },
      { $set: { carriedOut: true } },
      { session },
    );
    return matchedCount === 1;
  }

  /** The request stays carried out should this be lost; so it need not be waited for until it is on disk. */
  async complete({ _id, attempt }: Attempt, answer: NonNullable<IdempotencyRecord['answer']>): Promise<void> {
    await this.records.updateOne({ _id, attempt }, { $set: { answer } }, QUICKLY);
  }

  /** Lets the next request with this key begin anew. */
  async forget({ _id, attempt }: Attempt): Promise<void> {
    await this.records.deleteOne({ _id, attempt });
  }

  async endLease({ _id, attempt }: Attempt): Promise<void> {
    await this.renew({ _id, attempt }, new Date(0));
  }
}
