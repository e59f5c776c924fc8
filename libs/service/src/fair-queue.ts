import { Tally } from './tally.ts';

/** Whose work it is, and where it goes; nothing given counts as one and the same. */
export interface Share {
  readonly tenant: string;
  /** What the work waits for, such as the domain of a recipient. */
  readonly target?: string;
}

export interface FairQueueLimits {
  /** How many run at once. */
  readonly places: number;
  /** How many of them one tenant may hold; all unless given. */
  readonly perTenant?: number;
  /** How many of them the work for one target may hold; all unless given. */
  readonly perTarget?: number;
  /** How many of one tenant's may begin in a minute, evenly after the first `burst`; as many as there are unless given. */
  readonly pace?: { readonly perMinute: number; readonly burst: number };
}

interface Waiting {
  readonly begin: () => void;
}

/** What a tenant has: work that waits, by its target, and work that runs. */
interface Tenant {
  readonly waiting: Map<string, Waiting[]>;
  running: number;
  /** When the next may begin, as far as the pace says. Milliseconds. */
  due: number;
}

/**
 * Runs work of many tenants at a time, each tenant in its turn, and within a tenant each target in its turn. However much one of them
 * brings, and however long a target takes, the others' next is never further away than one turn of everybody.
 */
export class FairQueue {
  private readonly limits: Required<Omit<FairQueueLimits, 'pace'>> & Pick<FairQueueLimits, 'pace'>;
  /** In the order of their turns. */
  private readonly tenants = new Map<string, Tenant>();
  private readonly targets = new Tally();
  private running = 0;
  private waiting = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor({ places, perTenant = places, perTarget = places, pace }: FairQueueLimits) {
    this.limits = { places, perTenant, perTarget, ...(pace && { pace }) };
  }

  get activeCount(): number {
    return this.running;
  }

  get pendingCount(): number {
    return this.waiting;
  }

  pendingOf(tenant: string): number {
    const lines = this.tenants.get(tenant)?.waiting.values() ?? [];
    return [...lines].reduce((sum, { length }) => sum + length, 0);
  }

  run<T>({ tenant, target = '' }: Share, task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const begin = () => {
        // A task that throws at once fails as one that rejects does.
        new Promise<T>((settle) => settle(task())).finally(() => this.end(tenant, target)).then(resolve, reject);
      };
      const of = this.tenant(tenant);
      const line = of.waiting.get(target);
      if (line) line.push({ begin });
      else of.waiting.set(target, [{ begin }]);
      this.waiting++;
      this.fill();
    });
  }

  private tenant(name: string): Tenant {
    const known = this.tenants.get(name);
    if (known) return known;
    const tenant: Tenant = { waiting: new Map(), running: 0, due: 0 };
    this.tenants.set(name, tenant);
    // One whose pace is not made up for yet is remembered when it has nothing to do; now and then those are looked through.
    if (this.tenants.size % SWEEP_EVERY === 0) for (const [each, of] of this.tenants) this.forgetIdle(each, of, name);
    return tenant;
  }

  private end(tenantName: string, target: string): void {
    this.running--;
    this.targets.remove(target);
    const tenant = this.tenant(tenantName);
    tenant.running--;
    this.forgetIdle(tenantName, tenant);
    this.fill();
  }

  /** Gives free places to those whose turn it is. */
  private fill(): void {
    while (this.running < this.limits.places && this.waiting > 0) {
      if (!this.beginNext()) return;
    }
  }

  private beginNext(): boolean {
    const now = Date.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const [name, tenant] of this.tenants) {
      if (tenant.waiting.size === 0 || tenant.running >= this.limits.perTenant) continue;
      if (tenant.due > now) {
        soonest = Math.min(soonest, tenant.due);
        continue;
      }
      for (const [target, line] of tenant.waiting) {
        if (this.targets.of(target) >= this.limits.perTarget) continue;
        this.begin(name, tenant, target, line, now);
        return true;
      }
    }
    this.wakeAt(soonest, now);
    return false;
  }

  private begin(name: string, tenant: Tenant, target: string, line: Waiting[], now: number): void {
    const next = line.shift();
    // Both go to the end of their lines.
    tenant.waiting.delete(target);
    if (line.length > 0) tenant.waiting.set(target, line);
    this.tenants.delete(name);
    this.tenants.set(name, tenant);
    tenant.running++;
    tenant.due = this.nextDue(tenant.due, now);
    this.targets.add(target);
    this.running++;
    this.waiting--;
    next?.begin();
  }

  /** A tenant that has not used its pace of late may catch up as far as the burst. */
  private nextDue(due: number, now: number): number {
    const { pace } = this.limits;
    if (!pace) return 0;
    const interval = 60_000 / pace.perMinute;
    return Math.max(due, now - interval * (pace.burst - 1)) + interval;
  }

  private wakeAt(due: number, now: number): void {
    clearTimeout(this.timer);
    if (due === Number.POSITIVE_INFINITY) return;
    this.timer = setTimeout(() => this.fill(), Math.max(1, due - now));
  }

  private forgetIdle(name: string, { waiting, running, due }: Tenant, but?: string): void {
    if (name !== but && waiting.size === 0 && running === 0 && due <= Date.now()) this.tenants.delete(name);
  }
}

const SWEEP_EVERY = 1_000;
