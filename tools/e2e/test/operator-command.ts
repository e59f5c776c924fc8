import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Servers, Shard } from '@caregate/stack';

/** Runs a command of an operator, with the settings of a shard's apps unless others are given. */
export async function caregate(
  { servers, shard, env }: { servers: Servers; shard: Shard; env?: Record<string, string> },
  ...args: string[]
): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../caregate/src/main.ts'), ...args], {
    env: { PATH: process.env.PATH ?? '', CONNECT_URL: servers.connectUrl, ...shard.sync.env, ...env },
  });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}
