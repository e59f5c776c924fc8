/** A moment as the public service writes it: RFC 3339 in UTC, without zeros at the end of the fraction. */
export const wireTime = (moment: Date) => moment.toISOString().replace(/\.?0*Z$/, 'Z');

/** The same for what may be absent. */
export const wireTimeIfAny = (moment: Date | undefined) => moment && wireTime(moment);
