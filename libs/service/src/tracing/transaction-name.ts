/** Names a transaction as its change events do: the session and the number in it. */
export const transactionName = (session: Uint8Array, txnNumber: number): string =>
  `${Buffer.from(session).toString('hex')}:${txnNumber}`;
