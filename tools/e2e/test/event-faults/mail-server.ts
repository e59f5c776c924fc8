import { type ChildProcess, fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@caregate/stack';

/** A message that the mail server took upon itself. */
export interface AcceptedMail {
  readonly time: number;
  readonly messageId: string;
  readonly to: readonly string[];
  readonly subject: string;
}

/** A mail server in a process of its own, which remembers across its deaths what it has accepted. */
export class MailServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly port: number,
    private readonly file: string,
  ) {}

  static async inFolder(folder: string): Promise<MailServer> {
    const file = join(folder, 'accepted-mail.jsonl');
    await writeFile(file, '');
    const server = new MailServer(await freePort(), file);
    await server.start();
    return server;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  async start(): Promise<void> {
    const program = join(import.meta.dirname, 'mail-server-main.ts');
    // Without the flags of the test runner.
    const child = fork(program, [String(this.port), this.file], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`the mail server ended with ${code}`)));
    });
  }

  /** SIGKILL; resolves when it has ended. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** In the order of acceptance. A line that was cut short by a kill was not accepted. */
  async accepted(): Promise<AcceptedMail[]> {
    const lines = (await readFile(this.file, 'utf8')).split('\n');
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as AcceptedMail]; // as mail-server-main writes it
      } catch {
        return [];
      }
    });
  }
}
