import { eventually } from '@caregate/eventually';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';

const MAIN = fileURLToPath(new URL('../../../dist/apps/directory/main.js', import.meta.url));

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  // Tests look at what came back; its shape is what they are about.
  body: Record<string, unknown>;
}

/** The built app in a process of its own, so that it can be killed and its output read. */
export class DirectoryProcess {
  output = '';
  private child: ChildProcess | undefined;
  private base = '';

  get url(): string {
    return this.base;
  }

  constructor(private readonly env: Record<string, string>) {}

  async start(): Promise<this> {
    const child = this.spawn();
    await eventually(() => {
      const { url } = this.lines().findLast(({ msg }) => msg === 'listening') ?? {};
      if (child.exitCode !== null) throw new Error(`the directory ended: ${this.output}`);
      this.base = String(url);
      return url !== undefined;
    });
    return this;
  }

  /** Starts what is expected to end by itself. */
  async run(): Promise<{ code: number | null; output: string }> {
    const child = this.spawn();
    const [code] = await once(child, 'exit');
    return { code, output: this.output };
  }

  async ready(): Promise<this> {
    await eventually(async () => (await this.call('GET', '/ready')).status === 200);
    return this;
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null)
      return this.child?.exitCode ?? null;
    this.child.kill(signal);
    const [code] = await once(this.child, 'exit');
    return code;
  }

  async call(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { body, headers } = options;
    const json = body !== undefined && typeof body !== 'string';
    const answer = await request(`${this.base}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      body: json ? JSON.stringify(body) : ((body as string | undefined) ?? null), // not JSON, so it is a text or nothing
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, body: asRecord(text) };
  }

  lines(): Record<string, unknown>[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map(asRecord);
  }

  private spawn(): ChildProcess {
    this.output = '';
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child = child;
    return child;
  }
}

function asRecord(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return { text };
  }
}
