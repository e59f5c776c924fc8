import { z } from 'zod';
import { type ConnectionSettings, connectionSettings } from './connections.ts';

/** How much an app takes on; spread into its settings by `commonSettings`. */
export const loadSettings = {
  MAX_REQUESTS_IN_FLIGHT: count(0, 100_000, 100).describe(
    'requests that are worked on at once, and as many that wait a moment; what is more gets 503. 0: no limit',
  ),
  LATE_AFTER_MS: count(10, 30_000, 250).describe(
    'when an answer is late, in milliseconds; while one in ten is, fewer requests are taken',
  ),
  ...connectionSettings,
  MAX_SLOW_CLIENTS: count(1, 1_000_000, 8_000).describe(
    'requests that have not come whole at once, and as many answers that are not taken; for one more the oldest is dropped',
  ),
  MAX_SLOW_CLIENTS_PER_ADDRESS: count(0, 1_000_000, 1_000).describe(
    'those of one address, of IPv6 of one network. 0: no limit',
  ),
  MAX_SLOW_MIB: count(4, 1_000_000, 128).describe(
    'MiB that are held of such requests, and as many of such answers; of one address a quarter',
  ),
  HEADERS_TIMEOUT_SECONDS: seconds(10, 'within which a request’s headers must have come'),
  REQUEST_TIMEOUT_SECONDS: seconds(30, 'within which a request must have come, with its body'),
  READER_TIMEOUT_SECONDS: seconds(60, 'within which a client must have taken its answer'),
} as const;

function count(least: number, most: number, unlessGiven: number) {
  return z.coerce.number().int().min(least).max(most).default(unlessGiven);
}

function seconds(unlessGiven: number, what: string) {
  return z.coerce.number().min(0.1).max(600).default(unlessGiven).describe(`seconds ${what}`);
}

export interface LoadSettings extends ConnectionSettings {
  readonly MAX_REQUESTS_IN_FLIGHT: number;
  readonly LATE_AFTER_MS: number;
  readonly MAX_SLOW_CLIENTS: number;
  readonly MAX_SLOW_CLIENTS_PER_ADDRESS: number;
  readonly MAX_SLOW_MIB: number;
  readonly HEADERS_TIMEOUT_SECONDS: number;
  readonly REQUEST_TIMEOUT_SECONDS: number;
  readonly READER_TIMEOUT_SECONDS: number;
}
