import { z } from 'zod';
import type { OplogTime } from './definition.ts';

/** A source's offset: the resume token of the last event that it sent, as JSON. */
const offsets = z.array(z.object({ offset: z.object({ _id: z.string() }) }));
const token = z.object({ _data: z.string().regex(/^82[0-9A-F]{16}/i) });

/** When what a source sent last was committed, as the resume token says it; undefined for a source that has sent nothing. */
export function placeOf(found: readonly { readonly offset: unknown }[]): OplogTime | undefined {
  const [first] = offsets.safeParse(found).data ?? [];
  const { data: read } = token.safeParse(first && parsed(first.offset._id));
  // A token begins with the type of a timestamp, its seconds and its number within the second (KeyString).
  return read && { t: Number.parseInt(read._data.slice(2, 10), 16), i: Number.parseInt(read._data.slice(10, 18), 16) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
