/** The most UTF-16 units of a name in a body; longer than any name of a clinic or a person that a form of ours takes in earnest. */
const LONGEST_NAME = 100;

/** Inside a subject, of which phones show some 40 characters: our own words come first and must remain seen. */
const LONGEST_IN_SUBJECT = 50;

/**
 * What somebody calls themselves or their clinic, as an email may show it: one line of visible text that cannot be taken for anything but a
 * name. Whoever signs up chooses such names, and our emails carry them to whomever they like.
 * It holds no line break, nothing invisible and nothing that turns the direction of the text; no link, address or telephone number that a
 * mail program or a reader would follow; nothing that ends the quotation marks around it; no encoded word (RFC 2047) that a mail program would
 * decode into something else.
 */
export function plainName(text: string, longest: number = LONGEST_NAME): string {
  // What follows a number, so that it is none, may be what is cut off.
  return withoutNumbers(shortened(notToBeFollowed(visible(text)), longest));
}

/** The same for a subject or the address line. */
export const plainNameInHeader = (text: string): string => plainName(text, LONGEST_IN_SUBJECT);

/** One line of visible text: for links and other text that is ours. */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(INVISIBLE, '')
    .replace(/(\p{M}{4})\p{M}+/gu, '$1') // no script stacks more; a thousand of them cover the lines above
    .replace(/\s+/gu, ' ')
    .trim();
}

/** Scripts whose letters take other forms, or none, by a joiner between them. */
const JOINED = ['Arab', 'Beng', 'Deva', 'Gujr', 'Guru', 'Knda', 'Mlym', 'Orya', 'Sinh', 'Taml', 'Telu']
  .map((script) => `\\p{scx=${script}}`)
  .join('|');
const JOINER_OF_LETTERS = `(?<=${JOINED})[\\u200c\\u200d](?=\\p{L}|\\p{M})`;
const JOINER_OF_PICTURES = `(?<=\\p{Extended_Pictographic}|\\p{Emoji_Modifier}|\\ufe0f)\\u200d(?=\\p{Extended_Pictographic})`;

/** Format characters (of direction, of no width, tags), private and unassigned ones, and letters that are drawn as nothing; joiners that are needed stay. */
const INVISIBLE = new RegExp(
  `(?!${JOINER_OF_LETTERS}|${JOINER_OF_PICTURES})(?:\\p{Cf}|\\p{Co}|\\p{Cn}|\\u034f|[\\u115f\\u1160\\u17b4\\u17b5\\u3164\\uffa0]|[\\u180b-\\u180f])`,
  'gu',
);

/** Dots that a browser takes for the dot of a domain (IDNA), too. */
const DOT = '[.\\u3002\\uff0e\\uff61\\u2024]';

/** Breaks up what is followed, by a mail program or by hand; the words remain to be read. */
function notToBeFollowed(text: string): string {
  return withoutNumbers(text)
    .replace(/=(?=\?)/g, '= ')
    .replace(/[:\uff1a](?=\S)/gu, '$&\u0020')
    .replace(/[/\uff0f\u2215\u2044\\](?=[/\uff0f\u2215\u2044\\])/gu, '$&\u0020')
    .replace(/(?<=\S)[@\uff20\ufe6b](?=\S)/gu, ' $& ')
    .replace(new RegExp(`(?<=[\\p{L}\\p{M}\\p{N}_-])${DOT}(?=[\\p{L}_-])`, 'gu'), '$& ')
    .replace(new RegExp(`(?<=\\p{N})${DOT}(?=\\p{N}+${DOT})`, 'gu'), '$& ')
    .replace(/["\u201c-\u201f\u00ab\u00bb\u2039\u203a\u300c-\u300f\uff02]/gu, '’');
}

const withoutNumbers = (text: string) => text.replace(PHONE_NUMBER, '…');

/** Seven digits or more, however they are grouped; with what says that there was more. */
const PHONE_NUMBER =
  /(?<![\p{L}\p{N}])[+(\uff0b]{0,2}\p{Nd}(?:[\s()./*\p{Pd}\p{Pc}\p{Sm}\u00b7\u2022\u2027\u2043]*\p{Nd}){6,}(?![\p{L}\p{N}])…?/gu;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Cut where a character ends, as a reader sees characters: no half of an emoji, no letter without its accent. */
export function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    if (kept.length + segment.length > longest - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
