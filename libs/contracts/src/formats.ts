import type { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';

/** Teaches the validator the formats that the contracts use. */
export function addFormats(ajv: Ajv): void {
  ajvFormats.default(ajv, { mode: 'full', formats: ['date', 'email', 'hostname', 'float', 'date-time'] });
  const isWellFormed = ajv.formats['date-time'];
  ajv.addFormat('date-time', {
    type: 'string',
    validate: (text: string) => matches(isWellFormed, text) && isMoment(text),
  });
  const isDate = ajv.formats['date'];
  ajv.addFormat('birth-date', (text: string) => matches(isDate, text) && isOfSomebodyAlive(text, Date.now()));
  ajv.addFormat('one-line', (text: string) => !BREAKS_THE_LINE.test(text));
}

const YEAR_0 = Date.parse('0000-01-01T00:00:00Z');
const YEAR_10000 = Date.parse('9999-12-31T23:59:59.999Z') + 1;

/** Nobody has become older than 122; the rest is for mistakes that a clinic may have on paper. */
export const OLDEST_YEARS = 130;

/** Where the day begins first: of a child that is born there today, the date is tomorrow's in UTC. */
const FIRST_ZONE = 14 * 3_600_000;

/** @param date YYYY-MM-DD, as which dates compare like texts @param now in milliseconds since 1970 */
export function isOfSomebodyAlive(date: string, now: number): boolean {
  const today = new Date(now + FIRST_ZONE).toISOString().slice(0, 'YYYY-MM-DD'.length);
  const oldest = `${String(Number(today.slice(0, 4)) - OLDEST_YEARS).padStart(4, '0')}${today.slice(4)}`;
  return date >= oldest && date <= today;
}

/** Control characters and the line breaks of Unicode: in a name they would break the lines of mails, exports and logs. */
// eslint-disable-next-line no-control-regex -- it is these that are looked for
const BREAKS_THE_LINE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A leap second is well-formed, but no moment that a Date can hold; and in UTC its year must still have four digits. */
function isMoment(text: string): boolean {
  const moment = Date.parse(text);
  return moment >= YEAR_0 && moment < YEAR_10000;
}

function matches(format: Ajv['formats'][string], text: string): boolean {
  if (typeof format !== 'object' || format instanceof RegExp)
    throw new Error('the format date-time has changed its kind');
  return typeof format.validate === 'function' && format.validate(text as never) === true; // it is one of strings
}
