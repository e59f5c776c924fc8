import type { Message } from 'kafkajs';

/** One request holds about so many bytes at most, or a single message. The topics take far larger ones (`max.message.bytes`). */
const REQUEST_BYTES = 512 * 1024;

/** Puts messages into requests that Kafka takes, in their order: what is behind in a lane must not come before. */
export function inRequests<T extends { readonly message: Message }>(all: readonly T[]): T[][] {
  const requests: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const each of all) {
    const size = Buffer.byteLength(each.message.value ?? '');
    if (bytes + size > REQUEST_BYTES) {
      requests.push([]);
      bytes = 0;
    }
    requests.at(-1)?.push(each);
    bytes += size + MESSAGE_OVERHEAD;
  }
  return requests;
}

/** Key, headers and framing, roughly. */
const MESSAGE_OVERHEAD = 512;
