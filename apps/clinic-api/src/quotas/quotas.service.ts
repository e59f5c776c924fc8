import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Types } from 'mongoose';
import { CONFIG, LOGGER, type Logger, Metrics, Unprocessable } from '@caregate/service';
import { LRUCache } from 'lru-cache';
import type { ClinicApiConfig } from '../config.ts';
import { AccountDoor } from '../moves/account-door.ts';
import { defaultLimits, isFull, type Limits, type Overrides, type Quota, QUOTAS } from './quota-limits.ts';
import { QuotasRepository, type Usage } from './quotas.repository.ts';

/** What operators set holds on every copy after this time. */
const OVERRIDES_EVERY_MS = 5_000;
/** A figure of this age is read again; what is added meanwhile is counted along. */
const FRESH_MS = 10_000;
const MOST_KNOWN = 10_000;
const MIB = 1_048_576;

interface Figure {
  patients: number;
  readonly bytes: number;
  readonly measuredTime?: Date | undefined;
}

/**
 * How much of the shard one account may take, and one clinic without an account. Bounds against abuse, high enough that nobody at work
 * meets them; the plan's limit of patients is another thing (`counts`). Looking costs a request no read of its own: figures are kept in
 * memory for a few seconds, so a bound may be passed by what the copies of the app add within that time.
 */
@Injectable()
export class Quotas implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly defaults: Limits;
  private overrides: ReadonlyMap<string, Overrides> = new Map();
  private readonly refused;
  private timer: NodeJS.Timeout | undefined;
  private readonly ofClinics: LRUCache<string, Figure, Types.ObjectId>;
  private readonly ofHolders: LRUCache<string, Figure>;

  constructor(
    private readonly repository: QuotasRepository,
    private readonly door: AccountDoor,
    @Inject(CONFIG) config: ClinicApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.defaults = defaultLimits(config);
    this.refused = metrics.counter('caregate_account_quota_refusals_total', 'What was refused as a quota was used up', [
      'quota',
    ]);
    this.ofClinics = new LRUCache({
      max: MOST_KNOWN,
      ttl: FRESH_MS,
      fetchMethod: async (_id, _stale, { context }) => ({
        patients: await this.repository.patientsOf(context),
        bytes: 0,
      }),
    });
    this.ofHolders = new LRUCache({
      max: MOST_KNOWN,
      ttl: FRESH_MS,
      fetchMethod: async (id, stale) => this.figureOf(id, stale),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.timer = setInterval(() => void this.readOverrides(), OVERRIDES_EVERY_MS).unref();
    await this.readOverrides();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Of an account, or for clinics without one. */
  limitsOf(accountId: string | undefined): Limits {
    const set = accountId === undefined ? undefined : this.overrides.get(accountId);
    return set ? { ...this.defaults, ...set } : this.defaults;
  }

  /** The limits of an account and what it has of each; 0 is no limit. */
  async show(accountId: string) {
    const limits = this.limitsOf(accountId);
    const set = this.overrides.get(accountId) ?? {};
    const [usage, keys, clinics] = await Promise.all([
      this.repository.usageOf(accountId),
      this.repository.keysOf(accountId),
      this.repository.clinicsOf(accountId),
    ]);
    const used: Partial<Record<Quota, number>> = { keys, clinics, ...(usage && measured(usage)) };
    return {
      quotas: QUOTAS.map((name) => ({ name, limit: limits[name], used: used[name], isSet: set[name] !== undefined })),
      measuredTime: usage?.measuredTime,
    };
  }

  /** In place of what was set before; what is left out is as the shard's settings say. */
  async set(accountId: string, overrides: Overrides) {
    await this.repository.setOverrides(accountId, overrides);
    await this.readOverrides();
    return this.show(accountId);
  }

  /** @throws {Unprocessable} when there are as many as may be; `what` names them, `remedy` says what to do beside asking an operator */
  assertRoom(quota: Quota, limit: number, used: number, { what, remedy }: { what: string; remedy: string }): void {
    if (!isFull(limit, used)) return;
    this.countRefusal(quota);
    throw new Unprocessable(
      `constraint violation: ${what} (${limit}, quota ${quota}); ${remedy}, or have the operator raise the quota`,
    );
  }

  countRefusal(quota: Quota): void {
    this.refused.inc({ quota });
  }

  /** For one more patient. @throws {Unprocessable} */
  async assertRoomForPatient(clinicId: Types.ObjectId): Promise<void> {
    const { accountId, holder, whose } = await this.holderOf(clinicId);
    const { patientsPerClinic, patients, storageMib } = this.limitsOf(accountId);
    const remedy = 'remove patients who are not looked after any more';
    if (patientsPerClinic > 0) {
      const inClinic = await this.ofClinics.forceFetch(clinicId.toHexString(), { context: clinicId });
      const what = 'the clinic has all patients that it may have';
      this.assertRoom('patientsPerClinic', patientsPerClinic, inClinic.patients, { what, remedy });
    }
    if (patients === 0 && storageMib === 0) return;
    const used = await this.ofHolders.forceFetch(holder);
    const what = `the ${whose} has all patients that it may have`;
    this.assertRoom('patients', patients, used.patients, { what, remedy });
    this.assertRoom('storageMib', storageMib, used.bytes / MIB, { what: `the ${whose} has used its storage`, remedy });
  }

  /** Counts a patient who is there now along with what was read before. */
  async noteNewPatient(clinicId: Types.ObjectId): Promise<void> {
    const { holder } = await this.holderOf(clinicId);
    const known = [this.ofClinics.peek(clinicId.toHexString()), this.ofHolders.peek(holder, { allowStale: true })];
    for (const figure of known) if (figure) figure.patients += 1;
  }

  private async holderOf(clinicId: Types.ObjectId) {
    const found = await this.door.accountOfClinic(clinicId);
    if (typeof found === 'object') return { ...found, holder: found.accountId, whose: 'account' };
    return { accountId: undefined, holder: clinicId.toHexString(), whose: 'clinic' };
  }

  /** For one more clinic of an account, or of a person outside of accounts. @throws {Unprocessable} */
  async assertRoomForClinic(accountId: string | undefined, creator: string): Promise<void> {
    const { clinics: limit } = this.limitsOf(accountId);
    if (limit === 0) return;
    const used = await (accountId === undefined
      ? this.repository.clinicsOfAdmin(creator, limit)
      : this.repository.clinicsOf(accountId, limit));
    const what = `the ${accountId === undefined ? 'user' : 'account'} has all clinics that it may have`;
    this.assertRoom('clinics', limit, used, { what, remedy: 'delete one that is not needed' });
  }

  /** Among the clinicians of a clinic, invites too. @throws {Unprocessable} */
  async assertRoomForClinician(
    clinic: { readonly accountId?: string },
    count: (most: number) => Promise<number>,
  ): Promise<void> {
    const { cliniciansPerClinic: limit } = this.limitsOf(clinic.accountId);
    if (limit === 0) return;
    const what = 'the clinic has all clinicians that it may have, invites among them';
    const remedy = 'remove one, or take an invite back';
    this.assertRoom('cliniciansPerClinic', limit, await count(limit), { what, remedy });
  }

  /** Other copies look within seconds. */
  noteMeasured(): void {
    this.ofHolders.clear();
  }

  /** As measured, or what this copy has counted along since it was. */
  private async figureOf(id: string, stale: Figure | undefined): Promise<Figure> {
    const { patients = 0, bytes = 0, measuredTime } = (await this.repository.usageOf(id)) ?? {};
    const isNewer = stale?.measuredTime?.getTime() !== measuredTime?.getTime();
    return stale && !isNewer ? stale : { patients, bytes, measuredTime };
  }

  private async readOverrides(): Promise<void> {
    try {
      this.overrides = await this.repository.allOverrides();
    } catch (error) {
      this.logger.warn({ err: error }, 'the quotas that operators have set could not be read; the ones known go on');
    }
  }
}

export const measured = ({ patients, bytes }: Pick<Usage, 'patients' | 'bytes'>) => ({
  patients,
  storageMib: Math.ceil(bytes / MIB),
});
