import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createLogger, Metrics, ServiceUnavailable } from '@caregate/service';
import { type Certificates, makeCertificates } from '@caregate/stack';
import { type Connection, createConnection } from 'mongoose';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { clinicCreated, Mail, MAIL_DELIVERIES } from './index.ts';

const { MONGODB_URI } = process.env;
const describeWithServers = MONGODB_URI ? describe : describe.skip;

const [USER, PASSWORD] = ['mailer', 'p@ss/word?1'];
const credentials = [USER, PASSWORD].map(encodeURIComponent).join(':');

/** Who signed in, by what, and what they sent. */
interface Heard {
  readonly signIns: { readonly password: string | null | undefined; readonly secure: boolean }[];
  readonly mails: string[];
}

describeWithServers('mail to a server with TLS', () => {
  const connection: Connection = createConnection();
  const name = `t${randomBytes(5).toString('hex')}`;
  const known = getCACertificates('default');
  const opened: { close(): unknown }[] = [];
  let folder: string;
  let trusted: Certificates;
  let logged: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'caregate-tls-'));
    trusted = await makeCertificates(folder);
    setDefaultCACertificates([...known, trusted.ca]); // as NODE_EXTRA_CA_CERTS does for an app
    const uri = new URL(MONGODB_URI ?? '');
    uri.pathname = `/${name}`;
    await connection.openUri(uri.href);
  });
  beforeEach(() => (logged = []));
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    await connection.collection(MAIL_DELIVERIES).deleteMany({});
  });
  afterAll(async () => {
    setDefaultCACertificates(known);
    await connection.dropDatabase();
    await connection.close();
    rmSync(folder, { recursive: true });
  });

  /** A real SMTP server that lets nobody send who has not signed in; listens at the same port again when it is given. */
  async function smtpServer(options: SMTPServerOptions, port = 0): Promise<Heard & { readonly port: number }> {
    const heard: Heard = { signIns: [], mails: [] };
    const server = new SMTPServer({
      onAuth: ({ username, password }, session, answer) => {
        heard.signIns.push({ password, secure: session.secure });
        if (username === USER && password === PASSWORD) answer(null, { user: USER });
        else answer(Object.assign(new Error(`${password} is wrong`), { responseCode: 535 }));
      },
      onData: (stream, _session, answer) => {
        let text = '';
        stream.on('data', (chunk) => (text += chunk));
        stream.on('end', () => {
          heard.mails.push(text);
          answer();
        });
      },
      ...options,
    });
    server.on('error', () => undefined); // a client that does not like the certificate hangs up
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    opened.push({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) });
    return { ...heard, port: (server.server.address() as AddressInfo).port }; // a TCP server has one
  }

  function mail(url: string): Mail {
    const logger = createLogger('test', 'trace', {}, { write: (line) => void logged.push(line) });
    const from = 'Caregate <no-reply@au1.example.test>';
    const opening = new Mail({ url, from, connections: 1, connection, logger, metrics: new Metrics() });
    opened.push(opening);
    return opening;
  }

  const letter = () => ({
    deliveryId: `clinic_created:${randomBytes(4).toString('hex')}`,
    template: clinicCreated,
    to: { address: 'pat@example.test', name: 'Pat' },
    data: clinicCreated.sample,
    clinicId: 'c1',
  });
  const records = () => connection.collection(MAIL_DELIVERIES).find().toArray();

  it.each([
    ['smtps://', { secure: true }, ''],
    ['smtp://', { secure: false }, '?requireTLS=true'],
    ['smtp://', { secure: false }, ''],
  ])('with %s and %j%s it is sent, and the password goes by TLS only', async (scheme, options, query) => {
    const { port, signIns, mails } = await smtpServer({ ...trusted, ...options });
    expect(await mail(`${scheme}${credentials}@127.0.0.1:${port}/${query}`).deliver(letter())).toBe('sent');
    expect(signIns).toEqual([{ password: PASSWORD, secure: true }]);
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain('To: Pat <pat@example.test>');
  });

  it.each([
    ['smtps://', { secure: true }],
    ['smtp://', { secure: false }],
  ])(
    'with %s a certificate of nobody known or of another host is refused; the mail waits and is sent once it is right',
    async (scheme, options) => {
      const sending = letter();
      const strangers = await smtpServer({ ...(await makeCertificates(mkdtempSync(join(folder, 'x-')))), ...options });
      const sender = mail(`${scheme}${credentials}@127.0.0.1:${strangers.port}`);
      const ofAnother = await makeCertificates(mkdtempSync(join(folder, 'x-')), '192.0.2.1');
      setDefaultCACertificates([...known, trusted.ca, ofAnother.ca]);
      const another = await smtpServer({ ...ofAnother, ...options });
      const elsewhere = mail(`${scheme}${credentials}@127.0.0.1:${another.port}`);
      await expect(sender.deliver(sending)).rejects.toThrow(
        /^the SMTP server is away: nobody who is known vouches for its certificate.*NODE_EXTRA_CA_CERTS/,
      );
      await expect(elsewhere.deliver(sending)).rejects.toThrow(/its certificate is for another host/);
      await expect(elsewhere.deliver(sending)).rejects.toThrow(ServiceUnavailable); // which is tried again
      expect([strangers, another].flatMap(({ signIns, mails }) => [...signIns, ...mails])).toEqual([]);
      expect(await records()).toMatchObject([{ _id: sending.deliveryId, state: 'waiting', attempts: 3 }]);
      const right = await smtpServer({ ...trusted, ...options });
      expect(await mail(`${scheme}${credentials}@127.0.0.1:${right.port}`).deliver(sending)).toBe('sent');
      expect(right.mails).toHaveLength(1);
      expect(await records()).toMatchObject([{ state: 'sent', attempts: 4 }]);
    },
  );

  it('says nothing to a server that offers no TLS where TLS is asked for', async () => {
    const { port, signIns, mails } = await smtpServer({ ...trusted, disabledCommands: ['STARTTLS'] });
    const sender = mail(`smtp://${credentials}@127.0.0.1:${port}/?requireTLS=true`);
    await expect(sender.deliver(letter())).rejects.toThrow(ServiceUnavailable);
    expect([...signIns, ...mails]).toEqual([]);
    expect(await records()).toMatchObject([{ state: 'waiting' }]);
  });

  it('keeps a mail that a wrong password holds up, and repeats the password nowhere', async () => {
    const { port, mails } = await smtpServer({ ...trusted, secure: true });
    const sending = letter();
    const failure = await mail(`smtps://${USER}:not-the-one@127.0.0.1:${port}`)
      .deliver(sending)
      .catch((error: Error) => error);
    expect(failure).toBeInstanceOf(ServiceUnavailable);
    expect(String(failure)).toContain('EAUTH');
    const told = `${String(failure)} ${JSON.stringify(await records())} ${logged.join('')}`;
    expect(told).not.toContain('not-the-one');
    expect(await mail(`smtps://${credentials}@127.0.0.1:${port}`).deliver(sending)).toBe('sent');
    expect(mails).toHaveLength(1);
  });
});
