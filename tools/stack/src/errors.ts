/** A failure that the person at the terminal can act on: shown as its message, without a stack trace. */
export class StackError extends Error {
  override name = 'StackError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
