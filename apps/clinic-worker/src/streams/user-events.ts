import { type EventStream, type RawMessage, userEventId } from '@caregate/change-events';
import { type CloudEventV1, Kafka } from 'cloudevents';
import { isUserId, type UserId } from '@caregate/identity';
import { z } from 'zod';

/** What happened to a user's account (behaviour, "Change events and the worker"). */
export type UserEvent =
  | { readonly type: 'created' }
  | { readonly type: 'email shared'; readonly userId: UserId }
  | { readonly type: 'deleted'; readonly userId: UserId }
  | { readonly type: 'updated'; readonly userId: UserId; readonly formerEmail?: string; readonly email?: string };

const userId = z.custom<UserId>((value) => typeof value === 'string' && isUserId(value));
const user = z.object({ userid: userId, username: z.string().nullish(), emails: z.array(z.string()).nullish() });
const payloads = {
  'users:create': z.object({ userid: userId }),
  'users:delete': z.object({ userid: userId }),
  'users:email_shared': z.object({ userid: userId }),
  'users:update': z.object({ original: user, updated: user }),
} as const;

/** The user platform's CloudEvents 1.0, in structured or binary mode. Events of other types are none of ours. */
export function userEvents(topic: string): EventStream<UserEvent> {
  return {
    name: 'users',
    topic,
    outlastsRestores: true,
    decode: (message) => {
      const { id, source, time, type, data } = cloudEvent(message);
      const read = userEvent(type, data);
      return (
        read && {
          id: userEventId({ source, id }),
          key: read.userId,
          time: time === undefined ? message.time : new Date(time),
          data: read.event,
        }
      );
    },
  };
}

/** @throws {Error} for what is no CloudEvent; the message repeats nothing of it */
function cloudEvent({ key, value, headers, time: sent }: RawMessage): CloudEventV1<unknown> {
  const binary = headers['ce_specversion'] !== undefined;
  let event: CloudEventV1<unknown> | CloudEventV1<unknown>[];
  try {
    if (binary) required.parse(Object.fromEntries(ATTRIBUTES.map((name) => [name, headers[`ce_${name}`]])));
    const text = binary ? (value?.toString() ?? '') : withTime(value?.toString() ?? '', sent);
    const contentType = headers['content-type'] ?? (binary ? 'application/json' : 'application/cloudevents+json');
    const message = {
      headers: { ...headers, 'content-type': contentType },
      key: key?.toString() ?? '',
      value: text,
      body: text,
    };
    event = Kafka.toEvent(message);
  } catch {
    throw new Error('not a CloudEvent 1.0');
  }
  if (Array.isArray(event)) throw new Error('a batch of CloudEvents, which Kafka does not have');
  return event;
}

/** Attributes without which it is no CloudEvent (CloudEvents 1.0, "Required attributes"); the package would invent an id. */
const required = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
});

const ATTRIBUTES = Object.keys(required.shape);

/** The time may be left out ("Optional attributes"), which the package does not expect. */
function withTime(structured: string, sent: Date): string {
  const event = JSON.parse(structured);
  required.parse(event);
  return JSON.stringify({ time: sent.toISOString(), ...event });
}

function userEvent(type: string, sent: unknown): { userId: UserId; event: UserEvent } | undefined {
  const data = typeof sent === 'string' ? parsed(sent) : sent;
  switch (type) {
    case 'users:create': {
      const { userid } = payload(payloads[type], data);
      return { userId: userid, event: { type: 'created' } };
    }
    case 'users:delete': {
      const { userid } = payload(payloads[type], data);
      return { userId: userid, event: { type: 'deleted', userId: userid } };
    }
    case 'users:email_shared': {
      const { userid } = payload(payloads[type], data);
      return { userId: userid, event: { type: 'email shared', userId: userid } };
    }
    case 'users:update': {
      const { original, updated } = payload(payloads[type], data);
      const [formerEmail, email] = [emailOf(original), emailOf(updated)];
      const event = {
        type: 'updated',
        userId: updated.userid,
        ...(formerEmail && { formerEmail }),
        ...(email && { email }),
      } as const;
      return { userId: updated.userid, event };
    }
    default:
      return undefined;
  }
}

const emailOf = ({ username, emails }: z.output<typeof user>) => emails?.[0] || username || undefined;

function payload<T>(schema: z.ZodType<T>, data: unknown): T {
  const read = schema.safeParse(data);
  if (read.success) return read.data;
  const places = read.error.issues.map(({ path }) => ['data', ...path].join('.'));
  throw new Error(`the user event is not as expected at ${places.join(', ')}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the data of the user event is not JSON');
  }
}
