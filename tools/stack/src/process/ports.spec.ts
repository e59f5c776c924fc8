import { createServer, type AddressInfo } from 'node:net';
import { freePort, host, isFree, rangeBelow } from './ports.ts';
import { listeningInodes, portHolder } from './port-holder.ts';

async function whileListening<T>(work: (port: number) => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  try {
    return await work((server.address() as AddressInfo).port);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test('never hands out a port twice', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
  expect(new Set(ports).size).toBe(50);
});

test('takes another port when the preferred one is in use', async () => {
  await whileListening(async (port) => {
    expect(await isFree(port)).toBe(false);
    expect(await freePort(port)).not.toBe(port);
  });
});

test('takes the preferred port when it is free, and only once', async () => {
  const port = await whileListening(async (each) => each);
  expect(await freePort(port)).toBe(port);
  expect(await freePort(port)).not.toBe(port);
});

test('keeps below the ports of outgoing connections, where that leaves enough', () => {
  expect(rangeBelow(32_768)).toEqual({ from: 15_000, to: 32_768 });
  expect(rangeBelow(1_024)).toEqual({ from: 15_000, to: 32_768 });
});

test('tells who holds a port', async () => {
  await whileListening(async (port) => {
    expect(await portHolder(port)).toContain(`(pid ${process.pid})`);
  });
});

test('tells nobody for a port that is free', async () => {
  expect(await portHolder(await freePort())).toBeUndefined();
});

test('reads listening sockets only from the table of sockets', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
    '   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
  ].join('\n');
  expect(listeningInodes(table, 8080)).toEqual(['111']);
});
