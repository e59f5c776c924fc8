import Handlebars from 'handlebars';
import { htmlLayout, textLayout } from './layout.ts';
import { plainName, plainNameInHeader, shortened, visible } from './names.ts';

/** One email, written once; HTML and text are made from the same words. All texts are Handlebars over the template's data. */
export interface TemplateDefinition<Data> {
  readonly name: string;
  /** Begins with words of ours; a name stands in quotation marks, which no name can end. */
  readonly subject: string;
  /** What a mail program shows beside the subject; of the same form. */
  readonly preview: string;
  /** Paragraphs in order; one that renders to nothing is left out. */
  readonly paragraphs: readonly string[];
  readonly action?: { readonly label: string; readonly link: string };
  /** Why the reader gets this email. */
  readonly because: string;
  /** Whether readers may ask to get no more of these (List-Unsubscribe, RFC 2369). */
  readonly unsubscribable?: boolean;
  /** What the preview page shows it with. */
  readonly sample: Data;
}

export interface RenderedMail {
  readonly subject: string;
  readonly html: string;
  readonly text: string;
}

export interface Template<Data> {
  readonly name: string;
  readonly unsubscribable: boolean;
  readonly sample: Data;
  readonly render: (data: Data) => RenderedMail;
}

/** Compiles an email once, at start, so that a fault in it shows then. */
export function template<Data extends object>(definition: TemplateDefinition<Data>): Template<Data> {
  const subject = compile<Data>(definition.subject, 'text');
  const html = page(definition, 'html', htmlLayout);
  const text = page(definition, 'text', textLayout);
  return {
    name: definition.name,
    unsubscribable: definition.unsubscribable ?? false,
    sample: definition.sample,
    render: (given) => {
      const data = named(given, plainName);
      const inSubject = named(given, plainNameInHeader);
      return { subject: shortened(visible(subject(inSubject)), LONGEST_SUBJECT), html: html(data), text: text(data) };
    },
  };
}

const LONGEST_SUBJECT = 200;

/** Whatever people may have chosen is shown as a name; links are ours, made from settings and ids. */
function named<Data extends object>(data: Data, asName: (text: string) => string): Data {
  const shown = Object.entries(data).map(([key, value]) => {
    if (typeof value !== 'string') return [key, value];
    return [key, /link$/i.test(key) ? visible(value) : asName(value)];
  });
  return Object.fromEntries(shown) as Data; // texts stay texts
}

type Format = 'html' | 'text';

function page<Data extends object>(
  definition: TemplateDefinition<Data>,
  format: Format,
  layout: string,
): (data: Data) => string {
  const whole = compile<object>(layout, format);
  const [subject, preview, because] = [definition.subject, definition.preview, definition.because].map((part) =>
    compile<Data>(part, format),
  );
  const paragraphs = definition.paragraphs.map((paragraph) => compile<Data>(paragraph, format));
  const action = definition.action && {
    label: compile<Data>(definition.action.label, format),
    link: compile<Data>(definition.action.link, format),
  };
  return (data) =>
    whole({
      subject: safe(subject?.(data)),
      preview: safe(preview?.(data)),
      because: safe(because?.(data)),
      paragraphs: paragraphs
        .map((paragraph) => safe(paragraph(data).trim()))
        .filter((paragraph) => String(paragraph) !== ''),
      ...(action && { action: { label: safe(action.label(data)), link: safe(action.link(data)) } }),
    });
}

/** HTML gets everything from the data escaped; plain text has nothing to escape. */
function compile<Data>(source: string, format: Format): (data: Data) => string {
  return Handlebars.compile<Data>(source, { noEscape: format === 'text' });
}

/** Rendered already, and escaped where it had to be. */
const safe = (rendered = '') => new Handlebars.SafeString(rendered);
