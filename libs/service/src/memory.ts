import { setFlagsFromString } from 'node:v8';

/** How far the heap may outgrow what lives in it before it is collected. */
const HEAP_GROWING_PERCENT = 20;

/**
 * Keeps an app as small as what it does needs. Left alone, V8 lets the old generation of a process without a memory limit grow to four
 * times what lives in it before it looks for garbage: half a gigabyte for 50 MB. No fixed limit is set, which a large clinic could hit.
 * What must be known before the process starts (`NODE_OPTIONS`, `MALLOC_ARENA_MAX`) is in the Dockerfile and docs/operations.md.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
}
