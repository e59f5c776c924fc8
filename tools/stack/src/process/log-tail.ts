import { open } from 'node:fs/promises';

const tailBytes = 16 * 1024;

/** The last lines of a log file, from `since` (a byte offset) on; none when there is no such file. */
export async function lastLines(file: string, count = 15, since = 0): Promise<string[]> {
  let handle;
  try {
    handle = await open(file);
    const { size } = await handle.stat();
    const from = Math.max(since, size - tailBytes);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    await handle.read(buffer, 0, buffer.length, from);
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-count);
  } catch {
    return [];
  } finally {
    await handle?.close();
  }
}
