import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';
import { InjectGatekeeper } from '../gatekeeper-database.ts';

interface LeaseDocument {
  readonly _id: string;
  readonly owner: string;
  readonly until: Date;
}

/**
 * One copy of the app at a time changes connectors and repairs rows; the others only look. The clock is the database's, and a copy
 * that is gone is replaced when its lease runs out.
 */
@Injectable()
export class Lease {
  private readonly owner = randomUUID();

  constructor(@InjectGatekeeper() private readonly connection: Connection) {}

  /** Takes or prolongs a lease; false when another copy holds it. */
  async hold(name: string, seconds: number): Promise<boolean> {
    const free = {
      $or: [{ $eq: ['$owner', this.owner] }, { $lt: ['$until', '$$NOW'] }, { $eq: [{ $type: '$until' }, 'missing'] }],
    };
    const until = { $add: ['$$NOW', seconds * 1000] };
    const taken = { owner: { $cond: [free, this.owner, '$owner'] }, until: { $cond: [free, until, '$until'] } };
    const lease = await this.leases.findOneAndUpdate({ _id: name }, [{ $set: taken }], {
      upsert: true,
      returnDocument: 'after',
    });
    return lease?.owner === this.owner;
  }

  /** Lets another copy go on at once. */
  async release(name: string): Promise<void> {
    await this.leases.deleteOne({ _id: name, owner: this.owner });
  }

  private get leases() {
    return this.connection.collection<LeaseDocument>('leases');
  }
}
