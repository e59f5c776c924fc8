/** What a program asks of its keeper, and what the keeper tells it. */
export type ToKeeper =
  | {
      type: 'start';
      id: number;
      command: string;
      args: string[];
      cwd: string;
      env: Record<string, string>;
      logFile: string;
    }
  | { type: 'signal'; id: number; signal: NodeJS.Signals }
  | { type: 'remove-at-end' | 'forget'; folder: string };

export type FromKeeper =
  | { type: 'started'; id: number; pid: number }
  | { type: 'failed'; id: number; reason: string }
  | { type: 'ended'; id: number; code: number | null; signal: NodeJS.Signals | null };
