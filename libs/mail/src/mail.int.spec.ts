import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { eventually } from '@caregate/eventually';
import { createLogger, Metrics, ServiceUnavailable } from '@caregate/service';
import { type Connection, createConnection } from 'mongoose';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { Deliveries } from './deliveries.ts';
import {
  clinicCreated,
  type Letter,
  Mail,
  MAIL_DELIVERIES,
  MailDeferred,
  type MailSettings,
  patientUploadReminder,
} from './index.ts';

const { MONGODB_URI, SMTP_URL, MAIL_WEB_URL } = process.env;
const describeWithServers = MONGODB_URI && SMTP_URL && MAIL_WEB_URL ? describe : describe.skip;

describeWithServers('mail on real MongoDB and SMTP', () => {
  const connection: Connection = createConnection();
  const opened: { close(): unknown }[] = [];
  const name = `t${randomBytes(5).toString('hex')}`;
  const address = () => `${randomBytes(5).toString('hex')}@example.test`;

  beforeAll(async () => {
    const uri = new URL(MONGODB_URI ?? '');
    uri.pathname = `/${name}`;
    await connection.openUri(uri.href);
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    await connection.collection(MAIL_DELIVERIES).deleteMany({});
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  function mail(settings: Partial<MailSettings> = {}): Mail {
    const opening = new Mail({
      url: SMTP_URL ?? '',
      from: 'Caregate <no-reply@au1.example.test>',
      connections: 1,
      connection,
      logger: createLogger('test', 'silent'),
      metrics: new Metrics(),
      ...settings,
    });
    opened.push(opening);
    return opening;
  }

  /** A real SMTP server that says what a test wants. */
  async function smtpServer(
    options: SMTPServerOptions,
    began: (server: SMTPServer) => void = () => {},
  ): Promise<string> {
    const server = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], ...options });
    server.on('error', () => {}); // connections that a test cuts
    began(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) });
    return `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`; // a TCP server has one
  }

  const letter = (
    to = address(),
    deliveryId = `clinic_created:${randomBytes(4).toString('hex')}`,
  ): Letter<typeof clinicCreated.sample> => ({
    deliveryId,
    template: clinicCreated,
    to: { address: to, name: 'Zoë\r\nBcc: x@y.z' },
    data: clinicCreated.sample,
    clinicId: 'c1',
  });

  interface Caught {
    readonly id: string;
    readonly to?: readonly { readonly address: string; readonly name: string }[];
    readonly html: string;
    readonly text: string;
  }

  async function mailsTo(to: string): Promise<Caught[]> {
    const all = (await (await fetch(`${MAIL_WEB_URL}/api/email`)).json()) as Caught[]; // maildev's shape
    return all.filter((each) => each.to?.some(({ address: found }) => found === to));
  }

  const sourceOf = async ({ id }: Caught) => (await fetch(`${MAIL_WEB_URL}/api/email/${id}/source`)).text();

  const records = () => connection.collection(MAIL_DELIVERIES).find().toArray();

  it('sends HTML and text once, however often it is asked to, and keeps no address', async () => {
    const to = address();
    const sending = letter(to);
    const [one, two] = [mail(), mail()];
    const results = await Promise.allSettled([one.deliver(sending), two.deliver(sending), one.deliver(sending)]);
    expect(
      results.filter(({ status, ...rest }) => status === 'fulfilled' && 'value' in rest && rest.value === 'sent'),
    ).toHaveLength(1);
    expect(await two.deliver(sending)).toBe('sent before');
    const caught = await mailsTo(to);
    expect(caught).toHaveLength(1);
    for (const each of caught) {
      const { html, text, to: [recipient] = [] } = each;
      expect(html).toContain('Harbour Diabetes Centre');
      expect(text).toContain('Harbour Diabetes Centre');
      expect(recipient?.name).toBe('Zoë Bcc: x @ y. z');
      const source = await sourceOf(each);
      expect(source).toContain('Auto-Submitted: auto-generated');
      expect(source).not.toMatch(/^Bcc:/im);
      expect(source).toContain(`Message-ID: ${(await records())[0]?.['messageId']}`);
    }
    const [record] = await records();
    expect(record).toMatchObject({
      _id: sending.deliveryId,
      state: 'sent',
      template: 'clinic_created',
      clinicId: 'c1',
      attempts: 1,
    });
    expect(JSON.stringify(record)).not.toContain(to);
  });

  it('says how to get no more, where that applies', async () => {
    const to = address();
    await mail().deliver({
      deliveryId: `r:${to}`,
      template: patientUploadReminder,
      to: { address: to },
      data: patientUploadReminder.sample,
    });
    const [caught] = await mailsTo(to);
    expect(caught && (await sourceOf(caught))).toContain(
      'List-Unsubscribe: <mailto:no-reply@au1.example.test?subject=unsubscribe>',
    );
  });

  it('puts off on 4xx and sends the same Message-ID later', async () => {
    let busy = true;
    const accepted: string[] = [];
    const url = await smtpServer({
      onRcptTo: (_address, _session, answer) =>
        answer(busy ? Object.assign(new Error('greylisted'), { responseCode: 451 }) : null),
      onData: (stream, _session, answer) => {
        let text = '';
        stream
          .on('data', (chunk) => (text += chunk))
          .on('end', () => {
            accepted.push(text);
            answer();
          });
      },
    });
    const sending = letter();
    const sender = mail({ url });
    await expect(sender.deliver(sending)).rejects.toThrow(MailDeferred);
    expect(await records()).toMatchObject([{ state: 'waiting', reason: 'EENVELOPE RCPT TO 451' }]);
    busy = false;
    expect(await sender.deliver(sending)).toBe('sent');
    expect(accepted).toHaveLength(1);
    const [record] = await records();
    expect(accepted[0]).toContain(record?.['messageId']);
    expect(record).toMatchObject({ state: 'sent', attempts: 2 });
  });

  it('gives up on 5xx and shows it to operators, without the address', async () => {
    const url = await smtpServer({
      onRcptTo: ({ address: to }, _session, answer) =>
        answer(Object.assign(new Error(`<${to}> is unknown`), { responseCode: 550 })),
    });
    const sending = letter();
    const sender = mail({ url });
    expect(await sender.deliver(sending)).toBe('given up');
    expect(await sender.deliver(sending)).toBe('given up');
    const [given] = await sender.givenUp();
    expect(given).toMatchObject({
      _id: sending.deliveryId,
      state: 'given_up',
      reason: 'EENVELOPE RCPT TO 550',
      attempts: 1,
    });
    expect(JSON.stringify(given)).not.toContain(sending.to.address);
  });

  it('gives up on an address that is none', async () => {
    expect(await mail().deliver(letter('a@b.test, c@d.test'))).toBe('given up');
  });

  it('waits for a server that is away', async () => {
    const sending = letter();
    await expect(mail({ url: 'smtp://127.0.0.1:9' }).deliver(sending)).rejects.toThrow(ServiceUnavailable);
    expect(await mail().deliver(sending)).toBe('sent');
  });

  /** A server that breaks connections off when it is told to; `taken` are the messages that it had whole. */
  async function breakingServer(when: { before?: boolean; after?: boolean; during?: boolean }) {
    const taken: string[] = [];
    const asked: string[] = [];
    const cut: { now: () => void } = { now: () => {} };
    const url = await smtpServer(
      {
        onRcptTo: ({ address: to }, _session, answer) => {
          asked.push(to);
          if (when.before) cut.now();
          else answer();
        },
        onData: (stream, _session, answer) => {
          let text = '';
          stream
            .on('data', (chunk) => {
              text += chunk;
              if (when.during) cut.now();
            })
            .on('end', () => {
              if (when.during) return;
              taken.push(text);
              if (when.after) cut.now();
              else answer();
            });
        },
      },
      (server) => {
        // The server's own set of connections; the package has no type for what is in it.
        const { connections } = server as unknown as { connections: Set<{ _socket: { destroy(): void } }> };
        cut.now = () => connections.forEach(({ _socket }) => _socket.destroy());
      },
    );
    return { url, taken, asked };
  }

  it('waits half an hour and more when the server may have taken a message, and longer each time', async () => {
    const breaks = { after: true };
    const { url, taken } = await breakingServer(breaks);
    const sending = letter();
    const [sender, other] = [mail({ url }), mail({ url })];
    const refused = await sender.deliver(sending).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ServiceUnavailable);
    expect(retryAfter(refused)).toBeGreaterThanOrEqual(1_800);
    const [first] = await records();
    expect(first).toMatchObject({ state: 'waiting', unknownOutcomes: 1, attempts: 1 });
    expect(first?.['due'].getTime()).toBeGreaterThan(Date.now() + 29 * 60_000);
    for (const each of [sender, other]) await expect(each.deliver(sending)).rejects.toThrow('may have taken');
    expect(taken).toHaveLength(1);
    await makeDue();
    expect(retryAfter(await sender.deliver(sending).catch((error: unknown) => error))).toBeGreaterThanOrEqual(3_600);
    await makeDue();
    breaks.after = false;
    expect(await other.deliver(sending)).toBe('sent');
    expect(taken).toHaveLength(3);
    expect(new Set(taken.map((text) => /^Message-ID: .*$/m.exec(text)?.[0])).size).toBe(1);
    const [last] = await records();
    expect(last).toMatchObject({ state: 'sent', attempts: 3 });
    expect(last).not.toHaveProperty('due');
  });

  const retryAfter = (error: unknown) =>
    error instanceof ServiceUnavailable ? Number(error.headers['retry-after']) : undefined;
  const makeDue = () =>
    connection.collection(MAIL_DELIVERIES).updateMany({ state: 'waiting' }, { $set: { due: new Date() } });

  it('does not wait where the connection broke before the server had the message', async () => {
    const breaks = { before: true };
    const { url, taken } = await breakingServer(breaks);
    const sending = letter();
    const sender = mail({ url });
    const refused = await sender.deliver(sending).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ServiceUnavailable);
    expect(retryAfter(refused)).toBe(1);
    expect(await records()).toMatchObject([{ state: 'waiting' }]);
    breaks.before = false;
    expect(await sender.deliver(sending)).toBe('sent');
    expect(taken).toHaveLength(1);
  });

  it('waits for as long after a process that died while the server may have had the message', async () => {
    const { url, taken } = await breakingServer({});
    const sending = letter();
    await connection.collection<{ _id: string }>(MAIL_DELIVERIES).insertOne({
      _id: sending.deliveryId,
      ...{ template: 'clinic_created', state: 'sending', claim: 'of the dead', attempts: 1, createdTime: new Date() },
      ...{ leaseUntil: new Date(Date.now() - 1) },
    });
    const dead = new Deliveries(connection, 1);
    expect(await dead.handOver(sending.deliveryId, 'of the dead')).toBe(true);
    const sender = mail({ url });
    await expect(sender.deliver(sending)).rejects.toThrow('another worker');
    const change = (of: object) =>
      connection.collection<{ _id: string }>(MAIL_DELIVERIES).updateOne({ _id: sending.deliveryId }, { $set: of });
    // It has not been heard of for longer than any attempt takes.
    await change({ handedOverTime: new Date(Date.now() - 10 * 60_000) });
    const refused = await sender.deliver(sending).catch((error: unknown) => error);
    expect(String(refused)).toContain('may have taken');
    expect(retryAfter(refused)).toBeGreaterThan(1_700);
    await change({ leaseUntil: new Date() });
    expect(await mail({ url, lease: 1 }).deliver(sending)).toBe('sent');
    expect(taken).toHaveLength(1);
  });

  it('sends nothing that another has sent while it was paused', async () => {
    let release = () => {};
    const taken: string[] = [];
    let asked = 0;
    const url = await smtpServer({
      onRcptTo: (_address, _session, answer) => {
        if (++asked === 1)
          release = answer; // the first sender does not go on
        else answer();
      },
      onData: (stream, _session, answer) => {
        let text = '';
        stream
          .on('data', (chunk) => (text += chunk))
          .on('end', () => {
            taken.push(text);
            answer();
          });
      },
    });
    const sending = letter();
    const paused = mail({ url, lease: 100 }).deliver(sending);
    paused.catch(() => {}); // it is looked at below
    await eventually(() => asked === 1);
    const other = mail({ url, lease: 100 });
    await eventually(() =>
      other.deliver(sending).then(
        (result) => result === 'sent',
        () => false, // the lease of the paused one has not run out
      ),
    );
    release();
    await expect(paused).rejects.toThrow('another worker has taken this email over');
    expect(taken).toHaveLength(1);
    expect(await records()).toMatchObject([{ state: 'sent', attempts: 2 }]);
  });

  it('repeats, after the lease, what was being sent when the process died', async () => {
    const sending = letter();
    await connection.collection<{ _id: string }>(MAIL_DELIVERIES).insertOne({
      _id: sending.deliveryId,
      ...{
        template: 'clinic_created',
        state: 'sending',
        claim: 'of the dead',
        leaseUntil: new Date(Date.now() + 300),
        attempts: 1,
      },
    });
    const sender = mail();
    await expect(sender.deliver(sending)).rejects.toThrow('another worker');
    let result: string | undefined;
    while (!result) result = await sender.deliver(sending).catch(() => undefined);
    expect(result).toBe('sent');
    expect(await mailsTo(sending.to.address)).toHaveLength(1);
  });
});
