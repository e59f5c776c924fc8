/** Where a line about what is going on is shown. */
export type Log = (line: string) => void;

export const silent: Log = () => {};
