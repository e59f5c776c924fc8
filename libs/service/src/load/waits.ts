import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dropUnfinished } from '../broken-requests.ts';
import type { DropReason, Wait } from './backlog.ts';

/** Whoever sends headers or a body has the time that `HEADERS_TIMEOUT_SECONDS` gives, and a second more for each 500 bytes that have come. */
const LEAST_BYTES_PER_MS = 0.5;

/** A request whose headers or body have begun to come and are not there yet. */
export class UnfinishedRequest implements Wait {
  bytes = 0;
  private readonly readBefore: number;
  private readonly response: ServerResponse | undefined;

  constructor(
    readonly network: string | undefined,
    private readonly socket: Socket,
    private readonly since: number,
    private readonly graceMs: number,
    { readBefore = socket.bytesRead, response }: { readBefore?: number; response?: ServerResponse },
  ) {
    this.readBefore = readBefore;
    this.response = response;
  }

  isSlow(now: number): boolean {
    return now - this.since > this.graceMs + (this.socket.bytesRead - this.readBefore) / LEAST_BYTES_PER_MS;
  }

  drop(why: DropReason): void {
    if (this.response?.headersSent) this.socket.destroy();
    else dropUnfinished(this.socket, why);
  }
}

/** An answer that has been handed to its connection and not been taken yet. */
export class UntakenAnswer implements Wait {
  constructor(
    readonly network: string,
    private readonly socket: Socket,
    public bytes: number,
    private readonly until: number,
  ) {}

  isSlow(now: number): boolean {
    return now > this.until;
  }

  drop(): void {
    this.socket.destroy();
  }
}

/** What a stream holds while nobody reads it, by and large. */
const BYTES_OF_STREAM = 64 * 1024;

/** About how many bytes an answer holds until it is taken. */
export function bytesOf(payload: unknown): number {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length;
  return payload === undefined || payload === null ? 0 : BYTES_OF_STREAM;
}
