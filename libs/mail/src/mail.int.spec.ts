import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createLogger, Metrics, ServiceUnavailable } from '@caregate/service';
import { type Connection, createConnection } from 'mongoose';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
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
  async function smtpServer(options: SMTPServerOptions): Promise<string> {
    const server = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], ...options });
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
