import type { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';

/** Teaches the validator the formats that the contracts use. */
export function addFormats(ajv: Ajv): void {
  ajvFormats.default(ajv, { mode: 'full', formats: ['date', 'email', 'hostname', 'float', 'date-time'] });
  const isWellFormed = ajv.formats['date-time'];
  ajv.addFormat('date-time', {
    type: 'string',
    // A leap second is well-formed, but no moment that a Date can hold.
    validate: (text: string) => matches(isWellFormed, text) && !Number.isNaN(Date.parse(text)),
  });
}

function matches(format: Ajv['formats'][string], text: string): boolean {
  if (typeof format !== 'object' || format instanceof RegExp)
    throw new Error('the format date-time has changed its kind');
  return typeof format.validate === 'function' && format.validate(text as never) === true; // it is one of strings
}
