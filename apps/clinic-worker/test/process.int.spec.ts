import { eventually } from '@caregate/eventually';
import { REACTIONS } from '@caregate/change-events';
import { MAIL_DELIVERIES } from '@caregate/mail';
import { SMTPServer } from 'smtp-server';
import { SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('a worker’s process', () => {
  const shard = new TestShard();
  beforeAll(() => shard.start(), 60_000);
  afterAll(() => shard.stop(), 60_000);

  /** A mail server that has a message, but says so only when it is let. */
  async function slowMailServer() {
    const accepted: string[] = [];
    let begun = 0;
    let open = false;
    let letThrough = () => {};
    const gate = new Promise<void>((resolve) => (letThrough = resolve));
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, _session, answer) => {
        let text = '';
        begun++;
        stream
          .on('data', (chunk) => (text += chunk))
          .on('end', async () => {
            if (!open) await gate;
            accepted.push(/^Message-ID: (.*)$/m.exec(text)?.[1] ?? '');
            answer();
          });
      },
    });
    server.on('error', () => {}); // connections of killed workers
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return {
      url: `smtp://127.0.0.1:${address.port}`,
      accepted,
      begun: () => begun,
      open: () => {
        open = true;
        letThrough();
      },
      close: () => new Promise<void>((resolve) => server.close(() => resolve())),
    };
  }

  const delivered = (clinicId: unknown) =>
    eventually(() =>
      shard.connection.collection(MAIL_DELIVERIES).findOne({ clinicId: String(clinicId), state: 'sent' }),
    );

  it('told to stop, finishes the email that is on its way, and exits with 0', async () => {
    const mail = await slowMailServer();
    const worker = await shard.process({ SMTP_URL: mail.url });
    const user = await shard.user('Mara Lindqvist');
    const clinicId = await shard.clinic('Harbour', [user.userId]);
    await eventually(() => mail.begun() > 0);
    const ended = worker.kill('SIGTERM');
    await eventually(() => worker.log().includes('shutting down'));
    mail.open();
    expect(await ended).toBe(0);
    expect(mail.accepted).toHaveLength(1);
    await delivered(clinicId);
    expect(await shard.connection.collection(REACTIONS).countDocuments({ open: true })).toBe(0);
    expect(worker.log()).not.toContain(user.email);
    expect(worker.log()).not.toContain('Lindqvist');
    await mail.close();
  });

  it('killed before the email was accepted, has it sent by the next, after the lease, under the same Message-ID', async () => {
    const mail = await slowMailServer();
    const settings = { SMTP_URL: mail.url, LEASE_SECONDS: '1', MAIL_LEASE_SECONDS: '2', MAIL_UNKNOWN_SECONDS: '2' };
    const first = await shard.process(settings);
    const user = await shard.user('Mara Lindqvist');
    const clinicId = await shard.clinic('Harbour', [user.userId]);
    await eventually(() => mail.begun() > 0);
    await first.kill('SIGKILL');
    const [record] = await shard.connection
      .collection(MAIL_DELIVERIES)
      .find({ clinicId: String(clinicId) })
      .toArray();
    expect(record).toMatchObject({ state: 'sending', attempts: 1 });
    mail.open();
    const next = await shard.process(settings);
    expect(await delivered(clinicId)).toMatchObject({ messageId: record?.['messageId'] });
    expect(new Set(mail.accepted)).toEqual(new Set([record?.['messageId']]));
    await eventually(async () => (await shard.connection.collection(REACTIONS).countDocuments({ open: true })) === 0);
    expect(await next.kill('SIGTERM')).toBe(0);
    await mail.close();
  });

  it('says in one line which setting is wrong', async () => {
    await expect(shard.worker({ SMTP_URL: 'nonsense' })).rejects.toThrow(/^SMTP_URL must look like [^\n]*$/);
    await expect(shard.worker({ KAFKA_BROKERS: '' })).rejects.toThrow(/^KAFKA_BROKERS is needed[^\n]*$/);
  });
});
