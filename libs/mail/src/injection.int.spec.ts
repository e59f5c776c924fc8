import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createLogger, Metrics } from '@caregate/service';
import { type Connection, createConnection } from 'mongoose';
import { SMTPServer } from 'smtp-server';
import { namesIn } from '../test/names-in.ts';
import { type Letter, Mail, type Template } from './index.ts';
import { allTemplates } from './templates/index.ts';

/** What people may call themselves and their clinics, to have a mail say or do what we did not write. */
const HOSTILE = {
  'line breaks and a header': 'Harbour\r\nBcc: thief@evil.test\r\nX-Evil: 1',
  'an end of the headers': 'Harbour\r\n\r\n<b>Other text</b>',
  'an end of the message': 'Harbour\r\n.\r\nMAIL FROM:<thief@evil.test>',
  'other line breaks':
    'Harbour\nBcc: thief@evil.test\rCc: thief@evil.test\u2028\u2029\u0085Bcc: thief@evil.test\0\u000b\u000cx',
  'a list of addresses': 'Dana <thief@evil.test>, thief@evil.test; undisclosed: thief@evil.test;',
  'quotes around addresses': '" <thief@evil.test>, "',
  'an encoded word': '=?utf-8?Q?Harbour=0D=0ABcc:_thief@evil.test?= =?utf-8?B?DQpCY2M6IHRoaWVmQGV2aWwudGVzdA==?=',
  'percent signs': 'Harbour%0d%0aBcc:%20thief@evil.test%0A',
  'a boundary': 'Harbour\r\n--boundary\r\nContent-Type: text/html\r\n\r\nx',
  'a template of ours':
    '{{7}}{{{clinicName}}}{{#each this}}{{@key}}{{/each}}{{constructor.name}}{{> x}}{{lookup this "a"}}',
  'templates of others': '${7*191} #{7*191} <%= 7*191 %> {{7*191}} {% print(7*191) %} *{7*191} @(7*191) [[${7*191}]]',
  'a page':
    '<script>alert(1)</script><img src=x onerror=alert(1)><a href="https://evil.test">here</a><style>*{display:none}</style><!--',
  'an attribute': '" onmouseover="alert(1)" x="\' `',
  'an address that runs': 'javascript:alert(1)',
  'other text': 'x\n\nYour account is locked. Call 555 0100 at once.\n\n--\nCaregate.',
} as const;

const NOT_ADDRESSES = [
  'a@b.example,thief@evil.test',
  'a@b.example, thief@evil.test',
  'a@b.example;thief@evil.test',
  'a@b.example thief@evil.test',
  'a@b.example\r\nBcc: thief@evil.test',
  'a@b.example\nRCPT TO:<thief@evil.test>',
  'a@b.example>\r\nRCPT TO:<thief@evil.test',
  'Dana <thief@evil.test>',
  '<thief@evil.test>',
  'everybody: a@b.example, thief@evil.test;',
  '"a@b.example,"@evil.test',
  '=?utf-8?Q?a=40b.example=2Cthief=40evil.test?=',
  'a(thief@evil.test)@b.example',
  'a@b.example\0@evil.test',
  '@evil.test:a@b.example',
  'thief@[127.0.0.1]',
  'nobody',
  '',
];

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
}

const { MONGODB_URI } = process.env;
const describeWithServers = MONGODB_URI ? describe : describe.skip;

describeWithServers('mails as a server gets them', () => {
  const connection: Connection = createConnection();
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, { envelope }, answer) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        received.push({
          from,
          to: envelope.rcptTo.map(({ address }) => address),
          source: Buffer.concat(chunks).toString(),
        });
        answer();
      });
    },
  });
  let mail: Mail;

  beforeAll(async () => {
    const uri = new URL(MONGODB_URI ?? '');
    uri.pathname = `/t${randomBytes(5).toString('hex')}`;
    await connection.openUri(uri.href);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    mail = new Mail({
      url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`, // a TCP server has one
      from: 'Caregate <no-reply@au1.example.test>',
      connections: 1,
      connection,
      logger: createLogger('test', 'silent'),
      metrics: new Metrics(),
    });
  });
  afterAll(async () => {
    await mail.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await connection.dropDatabase();
    await connection.close();
  });

  /** Sends it and gives all that the server got meanwhile. */
  async function sent(to: Letter<object>['to'], template: Template<object>, data: object) {
    const before = received.length;
    const result = await mail.deliver({ deliveryId: randomBytes(8).toString('hex'), template, to, data });
    return { result, mails: received.slice(before) };
  }

  describe.each(allTemplates.map((each) => [each.name, each] as const))('%s', (_name, { name, sample, render }) => {
    const template: Template<object> = { name, sample, unsubscribable: true, render: (data) => render({ ...data }) };
    let plain: Received | undefined;
    beforeAll(async () => {
      [plain] = (await sent({ address: 'dana@harbour.example', name: 'Dana' }, template, sample)).mails;
    });

    test.each(Object.entries(HOSTILE))(
      'with %s in every name goes to one person, with our headers and our links',
      async (_what, text) => {
        const named = namesIn(template).map((key) => [key, text]);
        const { result, mails } = await sent({ address: 'dana@harbour.example', name: text }, template, {
          ...sample,
          ...Object.fromEntries(named),
        });
        expect(result).toBe('sent');
        expect(mails.map(({ from, to }) => [from, to])).toEqual([
          ['no-reply@au1.example.test', ['dana@harbour.example']],
        ]);
        const [mailed] = mails;
        expect(headersOf(mailed).map(([header]) => header)).toEqual(headersOf(plain).map(([header]) => header));
        expect(partsOf(mailed).map(({ type }) => type)).toEqual(['text/plain', 'text/html']);
        const [words, html] = [partOf(mailed, 'text/plain'), partOf(mailed, 'text/html')];
        expect(html.match(/<[a-z!/][^>]*>/gi)?.map(tagOf)).toEqual(
          partOf(plain, 'text/html')
            .match(/<[a-z!/][^>]*>/gi)
            ?.map(tagOf),
        );
        expect(html.match(/href="[^"]*"/g)).toEqual(partOf(plain, 'text/html').match(/href="[^"]*"/g));
        expect(words.split('\n').length).toBe(partOf(plain, 'text/plain').split('\n').length);
        expect(`${words}${html}`).not.toContain('1337');
        if (named.length > 0) for (const braces of text.match(/\{\{\w+\}\}/g) ?? []) expect(words).toContain(braces);
      },
    );
  });

  test.each(NOT_ADDRESSES)('nothing is sent to %j', async (address) => {
    const [first] = allTemplates;
    if (!first) throw new Error('there are templates');
    const template: Template<object> = { ...first, unsubscribable: false, render: (data) => first.render({ ...data }) };
    expect(await sent({ address, name: 'Dana' }, template, first.sample)).toEqual({ result: 'given up', mails: [] });
  });
});

/** The element and what attributes it has; what is in them is compared elsewhere. */
const tagOf = (tag: string) => tag.replace(/="[^"]*"/g, '');

function headersOf(mail: Received | undefined): [string, string][] {
  const [head = ''] = (mail?.source ?? '').split('\r\n\r\n');
  return head
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
}

function partsOf(mail: Received | undefined): { type: string; text: string }[] {
  const boundary =
    /boundary="([^"]+)"/.exec(headersOf(mail).find(([name]) => name === 'Content-Type')?.[1] ?? '')?.[1] ?? '';
  const [, ...parts] = (mail?.source ?? '').split(`--${boundary}`);
  return parts
    .filter((part) => !part.startsWith('--'))
    .map((part) => {
      const [head = '', ...body] = part.trimStart().split('\r\n\r\n');
      return { type: /Content-Type: ([a-z/]+)/.exec(head)?.[1] ?? '', text: decoded(head, body.join('\r\n\r\n')) };
    });
}

const partOf = (mail: Received | undefined, wanted: string) =>
  partsOf(mail).find(({ type }) => type === wanted)?.text ?? '';

function decoded(head: string, body: string): string {
  if (/Content-Transfer-Encoding: base64/i.test(head)) return Buffer.from(body, 'base64').toString();
  if (!/Content-Transfer-Encoding: quoted-printable/i.test(head)) return body;
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
