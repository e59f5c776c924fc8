import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createLogger, Metrics } from '@caregate/service';
import { type Connection, createConnection } from 'mongoose';
import { SMTPServer } from 'smtp-server';
import { clinicCreated, Mail, type MailSettings } from './index.ts';

const { MONGODB_URI } = process.env;
const describeWithServers = MONGODB_URI ? describe : describe.skip;

describeWithServers('mails of many, through one real SMTP server', () => {
  const connection: Connection = createConnection();
  /** Recipients whose mails the server has accepted, in order. */
  let accepted: string[] = [];
  /** Recipients of the slow domain whom the server was asked about, and has not answered. */
  let stuck: (() => void)[] = [];
  let server: SMTPServer;
  let mail: Mail | undefined;

  beforeAll(async () => {
    const uri = new URL(MONGODB_URI ?? '');
    uri.pathname = `/t${randomBytes(5).toString('hex')}`;
    await connection.openUri(uri.href);
  });
  beforeEach(async () => {
    [accepted, stuck] = [[], []];
    server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: ({ address }, _session, answer) => {
        if (address.endsWith('@slow.test')) stuck.push(() => answer());
        else answer();
      },
      onData: (stream, { envelope }, answer) => {
        stream.on('data', () => {});
        stream.on('end', () => {
          accepted.push(...envelope.rcptTo.map(({ address }) => address));
          answer();
        });
      },
    });
    server.on('error', () => {}); // of connections that a test leaves behind
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const answer of stuck.splice(0)) answer();
    await mail?.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  const mailWith = (settings: Partial<MailSettings> = {}) =>
    (mail = new Mail({
      url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`, // a TCP server has one
      from: 'Caregate <no-reply@au1.example.test>',
      connections: 4,
      connection,
      logger: createLogger('test', 'silent'),
      metrics: new Metrics(),
      ...settings,
    }));

  const sent = (sender: Mail, clinicId: string, address: string) =>
    sender.deliver({
      deliveryId: randomBytes(8).toString('hex'),
      template: clinicCreated,
      to: { address },
      data: clinicCreated.sample,
      clinicId,
    });
  const addresses = (name: string, count: number, domain: string) =>
    Array.from({ length: count }, (_, n) => `${name}${n}@${domain}`);

  it('reach the others of a shard although one has two thousand waiting', async () => {
    const sender = mailWith();
    const many = addresses('many', 2_000, 'a.test').map((address) => sent(sender, 'A', address));
    const few = addresses('few', 5, 'b.test').map((address) => sent(sender, 'B', address));
    await Promise.all(few);
    expect(accepted.filter((address) => address.endsWith('@a.test')).length).toBeLessThan(1_000);
    await Promise.all(many);
    expect(accepted).toHaveLength(2_005);
    expect(new Set(accepted).size).toBe(2_005);
  }, 180_000);

  it('of an account share its turns, however many clinics it has', async () => {
    const sender = mailWith({ connections: 1, tenantOf: async (clinicId) => clinicId.slice(0, 1) });
    const many = addresses('many', 60, 'a.test').map((address, n) => sent(sender, `A${n}`, address));
    const few = addresses('few', 3, 'b.test').map((address) => sent(sender, 'B1', address));
    await Promise.all([...many, ...few]);
    expect(accepted.findLastIndex((address) => address.endsWith('@b.test'))).toBeLessThan(12);
  }, 60_000);

  it('reach everybody but the recipients whose domain is stuck, those of the same clinic too', async () => {
    const sender = mailWith();
    const waiting = addresses('slow', 12, 'slow.test').map((address) => sent(sender, 'A', address));
    const others = [...addresses('a', 5, 'a.test').map((address) => sent(sender, 'A', address))];
    others.push(...addresses('b', 5, 'b.test').map((address) => sent(sender, 'B', address)));
    await Promise.all(others);
    expect(accepted).toHaveLength(10);
    expect(stuck.length).toBeLessThanOrEqual(2); // of four connections
    const answering = setInterval(() => {
      for (const answer of stuck.splice(0)) answer();
    }, 5);
    await Promise.all(waiting);
    clearInterval(answering);
    expect(accepted).toHaveLength(22);
  }, 60_000);
});
