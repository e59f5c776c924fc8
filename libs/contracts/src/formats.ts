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
}

const YEAR_0 = Date.parse('0000-01-01T00:00:00Z');
const YEAR_10000 = Date.parse('9999-12-31T23:59:59.999Z') + 1;

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
