/** Lengths of time that figures are about. */
export const PERIODS = ['1d', '7d', '14d', '30d'] as const;
