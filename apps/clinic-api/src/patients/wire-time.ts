/** A moment as the public service writes it: RFC 3339 in UTC, without zeros at the end of the fraction. */
export function wireTime(moment: Date): string {
  const text = moment.toISOString();
  return text.endsWith('0Z') ? text.replace(/\.?0*Z$/, 'Z') : text;
}

/** The same for what may be absent. */
export const wireTimeIfAny = (moment: Date | undefined) => moment && wireTime(moment);
