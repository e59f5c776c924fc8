import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { SMTPServer } from 'smtp-server';
import { namesIn } from '../test/names-in.ts';
import { plainName, plainNameInHeader } from './names.ts';
import { Smtp } from './smtp.ts';
import { allTemplates } from './templates/index.ts';

/** What a mail program shows of a mail. */
interface Read {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly to: { readonly value: readonly { readonly address: string; readonly name: string }[] };
}
// It brings no types; each mail here has these parts.
const { simpleParser } = createRequire(import.meta.url)('mailparser') as {
  simpleParser: (source: Buffer) => Promise<Read>;
};

/** Pieces that mail programs, browsers and terminals do more with than show them. */
const TRICKS = [
  '=?utf-8?Q?Call_555_0100?=',
  '=?utf-8?B?DQpCY2M6IHRoaWVmQGV2aWwudGVzdA==?=',
  '=?',
  '?=',
  '?Q?',
  '\r\n',
  '\u2028',
  '\u0085',
  '\u202e',
  '\u2066',
  '\u200b',
  '\u200d',
  '\ufeff',
  '\u00ad',
  '\u{e0041}',
  '\ud83d', // the first half of an emoji
  '👨‍👩‍👧',
  '👍🏽',
  '🇦🇺',
  'e\u0301\u0301\u0301\u0301\u0301\u0301\u0301',
  '"',
  '“',
  '”',
  '\\',
  '<thief@evil.test>',
  'https://evil.test/x',
  'www.evil.test',
  'evil。test',
  'tel:5550100',
  '+1 (555) 010-0199',
  '{{clinicName}}',
  '&#8206;',
  ' ',
];
const hostileName = fc
  .array(fc.oneof(fc.constantFrom(...TRICKS), fc.string({ unit: 'grapheme', maxLength: 12 })), { maxLength: 14 })
  .map((pieces) => pieces.join(''));

describe('names in mails, as a mail program reads them', () => {
  const sources: Buffer[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, answer) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        sources.push(Buffer.concat(chunks));
        answer();
      });
    },
  });
  let smtp: Smtp;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.server.address() as AddressInfo; // a TCP server has one
    smtp = new Smtp({ url: `smtp://127.0.0.1:${port}`, from: 'Caregate <no-reply@au1.example.test>', connections: 1 });
  });
  afterAll(async () => {
    smtp.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const called = (name: string, template: (typeof allTemplates)[number]) =>
    template.render(Object.fromEntries(namesIn(template).map((key) => [key, name])));

  async function received(name: string, template: (typeof allTemplates)[number]): Promise<Read> {
    const rendered = called(name, template);
    sources.length = 0;
    const to = { address: 'dana@harbour.example', name };
    expect(await smtp.send({ ...rendered, messageId: '<1@example.test>', to })).toEqual({ result: 'accepted' });
    const [source] = sources;
    if (!source) throw new Error('the server got nothing');
    return simpleParser(source);
  }

  it('are read as they were written, whatever is in them: one line, nothing hidden, nothing decoded a second time', async () => {
    await fc.assert(
      fc.asyncProperty(hostileName, fc.constantFrom(...allTemplates), async (name, template) => {
        const { subject, text, html, to } = await received(name, template);
        expect(subject).toBe(called(name, template).subject);
        expect(to.value).toEqual([{ address: 'dana@harbour.example', name: plainNameInHeader(name) }]);
        const shown = to.value[0]?.name ?? '';
        if (namesIn(template).length > 0) expect(text).toContain(plainName(name));
        for (const seen of [subject, shown]) expect(seen).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        for (const seen of [subject, shown, text, html]) {
          expect(seen).not.toMatch(/[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u);
          expect(seen).not.toMatch(
            /=\?[^ ]*\?=|evil\.test|evil。test|(?<![\p{L}\p{N}])555 ?0100(?![\p{L}\p{N}])|tel:\w|[\w>]@\w/u,
          );
          expect(seen.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('show no number that begins to be one where the name is cut', () => {
    const cut = Array.from({ length: 60 }, (_, before) =>
      plainNameInHeader(`${'.'.repeat(before)} 5550100${'x'.repeat(60)}`),
    );
    expect(cut.filter((name) => name.includes('5550100…'))).toEqual([]);
    expect(cut.filter((name) => name.includes('5550100x'))).not.toEqual([]);
  });

  it('are cut between characters, as a reader sees them', () => {
    const characters = (text: string) => [...new Intl.Segmenter('en').segment(text)].map(({ segment }) => segment);
    fc.assert(
      fc.property(fc.nat(60), fc.constantFrom('👨‍👩‍👧', '👍🏽', '🇦🇺', 'é', 'क्षि', 'x'), (before, character) => {
        const whole = `${'x'.repeat(before)}${character.repeat(60)}`;
        const cut = plainNameInHeader(whole);
        expect(cut.length).toBeLessThanOrEqual(50);
        const kept = characters(cut.replace(/…$/, ''));
        expect(characters(whole).slice(0, kept.length)).toEqual(kept);
      }),
    );
  });
});
