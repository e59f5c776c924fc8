export const serverNames = ['mongod', 'kafka', 'connect', 'maildev'] as const;
export type ServerName = (typeof serverNames)[number];

/** One server of the stack. */
export interface Server {
  readonly name: ServerName;
  /** Given from outside by an environment variable: used, and never started, stopped or killed here. */
  readonly external: boolean;
  readonly running: boolean;
  readonly pid: number | undefined;
  readonly logFile: string | undefined;
  /** Starts it again, on the same port and with the same data, and waits until it is ready. */
  start(): Promise<void>;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  lastLines(count?: number): Promise<string[]>;
}
