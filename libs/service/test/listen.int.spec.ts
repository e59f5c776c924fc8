import { eventually } from '@caregate/eventually';
import { execFileSync } from 'node:child_process';
import type { Server } from 'node:http';
import { startSmallApp } from './small-app.ts';

let small: Awaited<ReturnType<typeof startSmallApp>>;
beforeEach(async () => void (small = await startSmallApp()));
afterEach(() => small.app.close());

const portOf = ({ url }: typeof small) => new URL(url).port;

/** Another process makes the connections. Until it has them all this one does nothing, so that all wait to be accepted. */
function connectFromElsewhere(count: number): void {
  const program = `
    const { connect } = require('node:net');
    let open = 0;
    for (let n = 0; n < ${count}; n++) connect(${portOf(small)}, '127.0.0.1', () => ++open === ${count} && process.exit());`;
  execFileSync(process.execPath, ['-e', program]);
}

test('of many connections that wait several are taken at a time, so that nobody waits behind all of them', async () => {
  const COUNT = 320;
  const server: Server = small.app.getHttpServer();
  let taken = 0;
  let turns = 0;
  server.on('connection', () => (taken += 1));
  connectFromElsewhere(COUNT);
  while (taken < COUNT) {
    await new Promise(setImmediate);
    turns += 1;
  }
  expect(turns).toBeLessThan(COUNT / 2);
});

test('a port that is taken is taken for a second app too', async () => {
  await expect(startSmallApp({ PORT: portOf(small) })).rejects.toThrow(/EADDRINUSE/);
});

test('an app that is told to end finishes what is running, by whichever socket it came', async () => {
  const COUNT = 40;
  const answers = Array.from({ length: COUNT }, () =>
    fetch(`${small.url}/held`, { headers: { connection: 'close' } }).then(({ status }) => status),
  );
  await eventually(() => small.happenings.begun === COUNT);
  const closed = small.app.close();
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  small.happenings.letGo();
  expect(await Promise.all(answers)).toEqual(Array.from({ length: COUNT }, () => 200));
  await closed;
  expect(small.happenings.ended).toBe(COUNT);
});

test('an app that has ended answers at its port no more, and its port is free', async () => {
  const port = portOf(small);
  await small.app.close();
  for (let n = 0; n < 40; n++) await expect(fetch(`http://127.0.0.1:${port}/live`)).rejects.toThrow();
  small = await startSmallApp({ PORT: port });
  for (let n = 0; n < 40; n++)
    expect((await fetch(`http://127.0.0.1:${port}/live`, { headers: { connection: 'close' } })).status).toBe(200);
});
