import { namesIn } from '../test/names-in.ts';
import { previewPage, renderPreview } from './preview.ts';
import { template } from './template.ts';
import { allTemplates, clinicCreated } from './templates/index.ts';

describe('every email', () => {
  it.each(allTemplates)(
    '$name renders its sample in HTML and text, with the same words and a link',
    ({ render, sample }) => {
      const { subject, html, text } = render();
      expect(subject).not.toMatch(/[\r\n{}]/);
      // What is true or false chooses sentences and does not stand in them.
      for (const value of Object.values(sample).filter((each) => typeof each === 'string')) {
        expect(html).toContain(value.replaceAll('=', '&#x3D;'));
        expect(text).toContain(value);
      }
      expect(`${html}${text}`).not.toMatch(/\{\{|undefined|\[object/);
      expect(text).not.toMatch(/<[a-z]|&[a-z#]/i);
      expect(html).toMatch(/<meta name="viewport" content="width=device-width/);
    },
  );

  it.each(allTemplates)('$name escapes what people wrote, and keeps it out of the headers', ({ render, sample }) => {
    const evil = 'x\r\nBcc: a@b.c\u2028<img src=x onerror="y">&amp;';
    const { subject, html, text } = render(Object.fromEntries(Object.keys(sample).map((key) => [key, evil])));
    expect(subject).not.toMatch(/[\r\n\u2028]/);
    expect(html).not.toContain('<img');
    expect(text).toContain('<img src=x');
  });

  it.each(allTemplates)('$name begins with words of ours, wherever a reader looks first', (template) => {
    const names = namesIn(template);
    const called = (name: string) => template.render(Object.fromEntries(names.map((key) => [key, name])));
    const [one, other] = [called('Your bank” call us “'), called('Locked')];
    for (const shown of [one, other].map(({ subject, html }) => [
      subject,
      /overflow:hidden">(.*?)<\/div>/.exec(html)?.[1] ?? '',
    ]))
      for (const line of shown) expect(line).toMatch(/^[A-Z][a-z]* [a-z]+/);
    const begins = ({ subject, text }: typeof one) =>
      [subject, ...text.split('\n\n').slice(1)].map((line) => line.slice(0, 5));
    expect(begins(one)).toEqual(begins(other));
    expect(one.subject.match(/[“”]/g)?.length ?? 0).toBe(other.subject.match(/[“”]/g)?.length ?? 0);
  });

  it('has a name of its own', () => {
    expect(new Set(allTemplates.map(({ name }) => name)).size).toBe(allTemplates.length);
  });
});

it('leaves out what is not known', () => {
  const { text } = clinicCreated.render({ clinicName: 'A & B', clinicLink: 'https://x.test/1' });
  expect(text).toContain('Hello,\n');
  expect(text).toContain('your clinic “A & B” has been created');
});

it('leaves out a paragraph that renders to nothing', () => {
  const mail = template<{ note?: string }>({
    name: 't',
    subject: 's',
    preview: '',
    paragraphs: ['{{note}}', 'end'],
    because: 'b',
    sample: {},
  });
  expect(mail.render({}).html.match(/<p style="margin:16px 0 0">/g)).toHaveLength(1);
});

it('shows all emails on one page, each in a frame of its own', () => {
  const page = previewPage();
  expect(page.match(/<iframe /g)).toHaveLength(renderPreview().length);
  expect(page).not.toContain('srcdoc="<');
});
