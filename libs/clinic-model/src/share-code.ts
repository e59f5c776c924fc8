import { randomInt } from 'node:crypto';

const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Draws a share code: three groups of four, such as `AB2C-DE3F-GH4J` (behaviour, "Clinics"). */
export function drawShareCode(draw: (below: number) => number = randomInt): string {
  const group = () => Array.from({ length: 4 }, () => ALPHABET[draw(ALPHABET.length)]).join('');
  return [group(), group(), group()].join('-');
}
