import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicModels,
  type MigrationDocument,
  type MigrationStatus,
  objectId,
} from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { Conflict, inTransaction, isDuplicateKey, MONGO } from '@caregate/service';
import type { ClientSession, Connection } from 'mongoose';

@Injectable()
export class MigrationsRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(MONGO) private readonly connection: Connection,
  ) {}

  /** Runs `work` in one transaction; a second migration of the same legacy account is told as such. */
  async change<T>(work: (writes: { models: ClinicModels; session: ClientSession }) => Promise<T>): Promise<T> {
    try {
      return await inTransaction(this.connection, (session) => work({ models: this.models, session }));
    } catch (error) {
      if (isDuplicateKey(error)) throw new Conflict('migration duplicate');
      throw error;
    }
  }

  async insert(migration: MigrationDocument, session: ClientSession): Promise<void> {
    await this.models.migrations.collection.insertOne(migration, { session });
  }

  /** Oldest first. */
  ofClinic(clinicId: string): Promise<MigrationDocument[]> {
    return this.models.migrations
      .find({ clinicId: objectId(clinicId) })
      .sort({ createdTime: 1, _id: 1 })
      .lean<MigrationDocument[]>();
  }

  one(clinicId: string, userId: UserId): Promise<MigrationDocument | null> {
    return this.models.migrations.findOne({ clinicId: objectId(clinicId), userId }).lean<MigrationDocument>();
  }

  setStatus(clinicId: string, userId: UserId, status: MigrationStatus): Promise<MigrationDocument | null> {
    return inTransaction(this.connection, (session) =>
      this.models.migrations
        .findOneAndUpdate(
          { clinicId: objectId(clinicId), userId },
          { $set: { status, updatedTime: new Date() } },
          { returnDocument: 'after', session },
        )
        .lean<MigrationDocument>(),
    );
  }
}
