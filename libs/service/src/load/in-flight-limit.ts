/** Below this nothing is refused: a few slow requests at once are no overload. */
const LEAST = 16;
/** How long answers are watched before the limit is thought over, in milliseconds. */
const WINDOW_MS = 100;
/** Of the answers in a window, how many may be late before fewer are let in. */
const LATE_SHARE = 0.1;

/**
 * How many requests are worked on at once. As long as answers come in time there may be `most`; while they come late, and there are many at
 * once, the limit shrinks by a fifth each tenth of a second, and grows again by a twentieth while requests press against it
 * (additive increase, multiplicative decrease, as TCP finds its pace). With nobody pressing it is back within a second.
 * It looks at how long answers take and not at the event loop, as the bottleneck may as well be the database.
 */
export class InFlightLimit {
  private limit: number;
  private working = 0;
  private peak = 0;
  private answers = 0;
  private late = 0;
  private thoughtOverAt = 0;

  /** `most` at once, and when an answer is late: after so many milliseconds. */
  constructor(
    private readonly most: number,
    private readonly lateMs: number,
  ) {
    this.limit = most;
  }

  get inFlight(): number {
    return this.working;
  }

  get current(): number {
    return this.limit;
  }

  /** Whether one more may begin; if so, `leave` must follow. */
  enter(): boolean {
    if (this.working >= this.limit) {
      this.peak = this.working;
      return false;
    }
    this.working += 1;
    if (this.working > this.peak) this.peak = this.working;
    return true;
  }

  /** One waits for its client: until `resume` or a new `enter` it is none of those that are worked on. */
  pause(): void {
    this.working -= 1;
  }

  /** One that cannot be refused any more is worked on again, also when there are too many. */
  resume(): void {
    this.working += 1;
  }

  /** One has ended, after so long, at this time; both in milliseconds. */
  leave(tookMs: number, now: number): void {
    this.working -= 1;
    this.answers += 1;
    if (tookMs > this.lateMs) this.late += 1;
    if (now - this.thoughtOverAt >= WINDOW_MS) this.thinkOver(now);
  }

  private thinkOver(now: number): void {
    const { limit, peak } = this;
    if (this.late > this.answers * LATE_SHARE) this.limit = Math.max(Math.min(limit, peak) * 0.8, this.least);
    else this.limit = Math.min(peak >= Math.floor(limit) ? limit * 1.05 + 1 : limit * 1.5, this.most);
    this.thoughtOverAt = now;
    this.answers = this.late = 0;
    this.peak = this.working;
  }

  private get least(): number {
    return Math.min(LEAST, this.most);
  }
}
