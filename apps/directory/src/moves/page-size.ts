import { ShardRefused } from './shard-moves.ts';

const MOST = 5_000;
const LEAST = 10;
const SHRINKS_BY = 5;

/** How many documents are asked for at once: fewer after a shard was too slow to answer, or refused as it had too much to do. */
export class PageSize {
  private size = MOST;

  get current(): number {
    return this.size;
  }

  /** Whether a smaller page may help; then the next one is. */
  shrinkAfter(error: unknown): boolean {
    if (this.size <= LEAST || !isTooMuch(error)) return false;
    this.size = Math.max(LEAST, Math.floor(this.size / SHRINKS_BY));
    return true;
  }
}

const isTooMuch = (error: unknown) =>
  (error instanceof ShardRefused && error.status === 503) || (error instanceof Error && error.name === 'TimeoutError');
