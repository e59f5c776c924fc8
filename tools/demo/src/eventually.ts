import { eventually as found } from '@caregate/eventually';

/** As `eventually` of its own, with what is awaited first: a story tells it. */
export const eventually = <T>(awaited: string, look: () => T | Promise<T>, withinMs = 30_000) =>
  found(look, awaited, withinMs);
