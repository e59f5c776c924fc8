import { AUDIT_ENTRIES, type AuditEntry, entryId } from '@caregate/clinic-model';
import type { Principal, UserId } from '@caregate/identity';
import { MONGO, toCaregateError } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Connection, Types } from 'mongoose';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the gate before any handler runs. */
    principal: Principal;
  }
}

const DONE = 200;
const MOST_CLINICS = 1_000;

/** Records who changed with whom a user shares, in the audit of each clinic in which the user is a patient: ids only. */
@Injectable()
export class SharingAudit {
  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  /** The change is recorded before it is made, so that none is missing; how it ended follows. */
  async around<T>(userId: UserId, request: FastifyRequest, change: () => Promise<T>): Promise<T> {
    const entries = await this.entriesOf(userId, request);
    await this.entries.insertMany(entries);
    const ended = (status: number) =>
      this.entries.updateMany({ _id: { $in: entries.map(({ _id }) => _id) } }, { $set: { status } });
    try {
      const answer = await change();
      await ended(DONE);
      return answer;
    } catch (error) {
      await ended(toCaregateError(error).status);
      throw error;
    }
  }

  private async entriesOf(userId: UserId, { principal, params, ip, id }: FastifyRequest): Promise<AuditEntry[]> {
    const time = new Date();
    const { granteeId } = params as { granteeId: string }; // validated by the contract
    const entry = () => ({
      _id: entryId(time),
      time,
      operationId: 'SetPermissions',
      caller:
        principal.kind === 'user'
          ? { kind: 'user' as const, id: principal.userId }
          : { kind: 'service' as const, id: principal.name },
      patientId: userId,
      record: granteeId,
      address: ip,
      requestId: id,
    });
    const clinicIds = await this.clinicsOf(userId);
    return clinicIds.length === 0 ? [entry()] : clinicIds.map((clinicId) => ({ ...entry(), clinicId }));
  }

  private async clinicsOf(userId: UserId): Promise<Types.ObjectId[]> {
    const found = await this.connection
      .collection<{ clinicId: Types.ObjectId }>('patients')
      .find({ userId }, { projection: { _id: 0, clinicId: 1 } })
      .limit(MOST_CLINICS)
      .toArray();
    return found.map(({ clinicId }) => clinicId);
  }

  private get entries() {
    return this.connection.collection<AuditEntry>(AUDIT_ENTRIES);
  }
}
