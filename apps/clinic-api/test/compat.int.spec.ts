import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Harness, startHarness } from './harness.ts';

/** Recorded exchanges with the public clinic service; they are kept beside the checkout and are no part of it. */
const COMPAT = join(import.meta.dirname, '../../../../shared/compat');
const isThere = existsSync(join(COMPAT, 'golden'));
const STUB_ANNOUNCEMENT = /^stub backends on (http:\S+)$/;

if (!isThere) {
  test.skip(`recorded exchanges: there are none at ${COMPAT}`, () => undefined);
} else {
  describe('clients of the public clinic service find what they know', () => {
    let stub: ChildProcess;
    let harness: Harness;

    beforeAll(async () => {
      stub = spawn(process.execPath, [join(COMPAT, 'stub-backends.mjs'), '--port', String(await freePort())], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      harness = await startHarness({ IDENTITY_URL: await announcedUrl(stub) });
    });

    afterAll(async () => {
      await harness?.close();
      stub.kill();
      await once(stub, 'exit');
    });

    test('in every recorded exchange', async () => {
      const replay = spawn(
        process.execPath,
        [join(COMPAT, 'replay.mjs'), '--base', harness.url, '--loose-messages', '--no-quirks', join(COMPAT, 'golden')],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const lines: string[] = [];
      for await (const line of linesOf(replay)) lines.push(line);
      expect(lines.filter((line) => line.startsWith('FAIL') || line.startsWith('   '))).toEqual([]);
      expect(lines.at(-1)).toMatch(/^[1-9][0-9]* passed, 0 failed$/);
    });
  });
}

const linesOf = ({ stdout }: ChildProcess): AsyncIterable<string> => {
  if (!stdout) throw new Error('its output is a pipe');
  return createInterface({ input: stdout });
};

async function announcedUrl(stub: ChildProcess): Promise<string> {
  for await (const line of linesOf(stub)) {
    const url = STUB_ANNOUNCEMENT.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error('the stub did not start');
}

/** A port that is free just now; the stub announces the port that it was told, so it cannot choose. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port, not on a pipe
  server.close();
  await once(server, 'close');
  return port;
}
