import { CloudEvent, Kafka as CloudEvents, type KafkaEvent } from 'cloudevents';
import type { RawMessage } from '@caregate/change-events';
import { userEvents } from './user-events.ts';

const { decode } = userEvents('user-events');
const user = { userid: '0123456789', username: 'pat@example.com', emails: ['pat@example.com'], roles: ['patient'] };

function message(event: object, mode: 'structured' | 'binary'): RawMessage {
  const { headers, body } = CloudEvents[mode](
    new CloudEvent({ source: 'shoreline', type: '', ...event }) as unknown as KafkaEvent<unknown>,
  ); // without a partition key
  return raw(
    typeof body === 'string' ? body : JSON.stringify(body),
    Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    ),
  );
}

const raw = (value: string | null, headers: Record<string, string> = {}): RawMessage => ({
  ...{ topic: 'user-events', partition: 0, offset: 0n, key: null, time: new Date(0) },
  value: value === null ? null : Buffer.from(value),
  headers,
});

describe.each(['structured', 'binary'] as const)('a CloudEvent in %s mode', (mode) => {
  it('of a deleted user is read', () => {
    const sent = {
      id: '7',
      type: 'users:delete',
      time: '2026-01-02T03:04:05.000Z',
      data: { ...user, fullName: 'Pat' },
    };
    expect(decode(message(sent, mode))).toEqual({
      ...{ id: 'shoreline#7', key: user.userid, time: new Date(sent.time) },
      data: { type: 'deleted', userId: user.userid },
    });
  });

  it('of an updated user tells both emails', () => {
    const sent = {
      type: 'users:update',
      data: { original: user, updated: { ...user, username: 'new@example.com', emails: [] } },
    };
    expect(decode(message(sent, mode))?.data).toEqual({
      ...{ type: 'updated', userId: user.userid, formerEmail: 'pat@example.com', email: 'new@example.com' },
    });
  });

  it('of an updated user of the shard’s own tells whose email is another', () => {
    const told = { userid: user.userid };
    expect(decode(message({ type: 'users:update', data: { original: told, updated: told } }, mode))?.data).toEqual({
      ...{ type: 'updated', userId: user.userid },
    });
  });

  it('of a new user is read', () => {
    expect(decode(message({ type: 'users:create', data: user }, mode))?.data).toEqual({ type: 'created' });
  });

  it('of another type is none of ours', () => {
    expect(decode(message({ type: 'users:dance', data: user }, mode))).toBeUndefined();
  });

  it.each(['users:create', 'users:delete', 'users:update'])(
    '%s without a usable user id is refused, without repeating it',
    (type) => {
      const sent = { type, data: { userid: 'pat@example.com', original: user, updated: {} } };
      expect(() => decode(message(sent, mode))).toThrow(
        /^the user event is not as expected at data\.(userid|updated\.userid)$/,
      );
    },
  );
});

it.each([[null], [''], ['pat@example.com'], ['{}'], ['[]'], ['{"specversion":"1.0"}'], ['{"id":"1","source":"x"}']])(
  '%j is no CloudEvent',
  (text) => {
    expect(() => decode(raw(text))).toThrow('not a CloudEvent 1.0');
  },
);

it('structured mode is also read without a content type', () => {
  const { value } = message({ type: 'users:delete', data: user }, 'structured');
  expect(decode({ ...raw(null), value })?.data).toEqual({ type: 'deleted', userId: user.userid });
});

it('the time may be left out', () => {
  const { value } = message({ type: 'users:delete', data: user }, 'structured');
  const { time: _time, ...timeless } = JSON.parse(value?.toString() ?? '');
  expect(decode(raw(JSON.stringify(timeless)))).toMatchObject({
    time: new Date(0),
    data: { type: 'deleted', userId: user.userid },
  });
});
