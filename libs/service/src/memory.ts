import { setFlagsFromString } from 'node:v8';

/**
 * Keeps an app from taking much more memory than it needs. Left alone, V8 lets the old generation of a process without a memory limit grow
 * to four times what lives in it before it looks for garbage: half a gigabyte for 50 MB. No fixed limit is set, which a large clinic could
 * hit. What less growth costs is in docs/performance.md.
 */
export function limitHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
