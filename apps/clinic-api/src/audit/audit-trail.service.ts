import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LOGGER, type Logger } from '@caregate/service';
import type { AuditEntry, AuditSubject } from '@caregate/clinic-model';
import { AuditRepository, type Outcome } from './audit.repository.ts';
import { GroupCommit } from './group-commit.ts';

/** Nobody waits for outcomes: many together cost the database little more than one. */
const GATHER_MS = 50;

/**
 * Records who did what. A write is recorded before it is carried out, so that none can succeed and be missing here, and its
 * outcome afterwards. A read is recorded while it runs, and is not answered before it is recorded.
 *
 * Nobody waits until an entry is on the disks of a majority: the write that follows does so, and whatever keeps a write keeps all that
 * was written before it. Only when another server of MongoDB takes over just between the two could the entry be missing there;
 * the outcome brings it again.
 */
@Injectable()
export class AuditTrail implements BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly entries;
  private readonly outcomes;

  constructor(
    repository: AuditRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.entries = new GroupCommit<AuditEntry>((entries) => repository.insert(entries));
    this.outcomes = new GroupCommit<Outcome>((outcomes) => repository.setOutcomes(outcomes), { gatherMs: GATHER_MS });
  }

  /** Resolves when the write may begin. */
  beforeWrite(entry: AuditEntry): Promise<void> {
    return this.entries.add(entry);
  }

  /** Resolves when the read may be answered. */
  noteRead(entry: AuditEntry): Promise<void> {
    return this.entries.add(entry);
  }

  /**
   * The entries of further clinics and accounts, which are known when the work is done.
   * Resolves when they are recorded; those of a read must be before it is answered.
   */
  async noteAlso(entries: readonly AuditEntry[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.entries.add(entry)));
  }

  /** Nobody waits for it: without it an entry says that the outcome is not known. */
  noteOutcome(entry: AuditEntry, status: number, subject: AuditSubject = {}): void {
    this.outcomes
      .add({ entry, status, subject })
      .catch((error) => this.logger.warn({ err: error }, 'outcomes could not be added to the audit'));
  }

  /** An attempt that was refused; nothing happened, so nobody waits for it. */
  noteRefusal(entry: AuditEntry): void {
    this.entries
      .add(entry)
      .catch((error) => this.logger.warn({ err: error }, 'refusals could not be added to the audit'));
  }

  /** Beside what is answered already; nobody waits. */
  noteLate(entries: readonly AuditEntry[]): void {
    this.noteAlso(entries).catch((error) =>
      this.logger.error({ err: error }, 'entries could not be added to the audit'),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.idle();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.idle();
  }

  private async idle(): Promise<void> {
    await Promise.all([this.entries.idle(), this.outcomes.idle()]);
  }
}
