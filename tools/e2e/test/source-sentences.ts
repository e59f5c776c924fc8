/** The sentences of the source in the order in which they stand: headings and code are left out, an example belongs to what it follows. */
export function sentencesOf(source: string): string[] {
  const paragraphs = withoutCode(source)
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.split(/\n(?=\s*(?:\d+\.|•) )/));
  return paragraphs
    .map((paragraph) =>
      paragraph
        .replace(/^\s*(?:\d+\.|•)\s+/, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .flatMap((paragraph) => (isHeading(paragraph) ? [] : paragraph.split(/(?<=[.:])\s+(?=[A-Z]|eg$)/)))
    .filter((sentence) => sentence !== '' && sentence !== 'eg');
}

const HEADINGS = [
  'Sharding',
  'Why is Cliniko sharded?',
  'How does this impact you?',
  'API keys and API URLs',
  'Older API keys',
  'Code examples',
  'Saving an API key',
  'Using an API key',
];

const isHeading = (paragraph: string) => HEADINGS.includes(paragraph);

/** A function begins at the left margin and ends with a brace there. */
const withoutCode = (source: string) => source.replace(/^function [\s\S]*?^\}$/gm, '');

/** The names of the tests and groups in a file of tests. */
export function testNamesIn(code: string): string[] {
  const names =
    /\b(?:test|it|describe)(?:\.each(?:<[\s\S]*?>)?\([\s\S]*?\))?\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g;
  return [...code.matchAll(names)].map(([, single, double, back]) =>
    (single ?? double ?? back ?? '').replace(/\\(.)/g, '$1'),
  );
}
