import type { StreamEvent } from '@caregate/change-events';
import { MONGO } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type Connection, mongo } from 'mongoose';

const REMEMBERED = 10_000;
const REMEMBERED_MS = 60_000;

/** Who takes turns on this shard: accounts, and clinics of no account. */
@Injectable()
export class Tenants {
  private readonly ofClinics = new LRUCache<string, string>({ max: REMEMBERED, ttl: REMEMBERED_MS });

  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  async ofClinic(clinicId: string): Promise<string> {
    const known = this.ofClinics.get(clinicId);
    if (known !== undefined) return known;
    const tenant = (await this.accountOf(clinicId)) ?? clinicId;
    this.ofClinics.set(clinicId, tenant);
    return tenant;
  }

  /** Events about users belong to no clinic: together they are one tenant. */
  async ofEvent({ key, data }: Pick<StreamEvent, 'key' | 'data'>): Promise<string> {
    const clinicId = clinicOf(data);
    if (clinicId === undefined) return '';
    return this.ofClinic(clinicId === 'itself' ? key : clinicId);
  }

  private async accountOf(clinicId: string): Promise<string | undefined> {
    if (!mongo.ObjectId.isValid(clinicId)) return undefined;
    const _id = new mongo.ObjectId(clinicId);
    const clinic = await this.connection.collection('clinics').findOne({ _id }, { projection: { accountId: 1 } });
    return typeof clinic?.['accountId'] === 'string' ? clinic['accountId'] : undefined;
  }
}

/** The clinic that a change is about; undefined for an event that is no change of a clinic's records. */
function clinicOf(data: unknown): string | undefined {
  if (!isObject(data) || !isObject(data['ns'])) return undefined;
  if (data['ns']['coll'] === 'clinics') return 'itself';
  for (const document of [data['fullDocument'], data['fullDocumentBeforeChange']])
    if (isObject(document) && document['clinicId'] instanceof mongo.ObjectId) return document['clinicId'].toHexString();
  return undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
