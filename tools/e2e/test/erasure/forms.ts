/** What a value may look like where it is kept. */
export interface Form {
  readonly value: string;
  readonly form: string;
  /** Otherwise it is looked for in texts in lower case. */
  readonly caseMatters: boolean;
}

/** A value as it is, folded, in hex, in addresses, and in base64 wherever it begins there. */
export function formsOf(value: string): Form[] {
  const folded = [value, encodeURIComponent(value), Buffer.from(value).toString('hex')];
  const bytes = [value, value.toLowerCase()].flatMap((text) => [0, 1, 2].map((before) => base64Behind(text, before)));
  return [
    ...folded.map((form) => ({ value, form: form.toLowerCase(), caseMatters: false })),
    ...bytes.map((form) => ({ value, form, caseMatters: true })),
  ];
}

/** What is the same of a text in base64 whatever stands before and behind it. */
function base64Behind(text: string, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString('base64');
  const own = encoded.slice(before === 0 ? 0 : before + 1);
  return own.replace(/=+$/, '').slice(0, -1);
}
