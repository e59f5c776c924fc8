import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { freePort, host } from '../process/ports.ts';
import { hostsAndPorts, withoutPassword } from './external-server.ts';
import { startServers, type Servers, type StartServersOptions } from './start-servers.ts';

const listening: Server[] = [];
const started: Servers[] = [];
afterEach(async () => {
  for (const servers of started.splice(0)) await servers.stop();
  for (const server of listening.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  listening.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

async function start(options: StartServersOptions): Promise<Servers> {
  const servers = await startServers(options);
  started.push(servers);
  return servers;
}

test('takes Kafka, Connect and mail as given, and starts nothing', async () => {
  const plain = await listen(createServer((socket) => socket.destroy()));
  const web = await listen(createHttpServer((_request, response) => response.end('[]')));
  const lines: string[] = [];
  const servers = await start({
    only: ['connect', 'maildev'],
    log: (line) => lines.push(line),
    env: {
      KAFKA_BROKERS: `${host}:1,${host}:${plain}`,
      CONNECT_URL: `http://${host}:${web}/`,
      SMTP_URL: `smtp://user:secret@${host}:${plain}`,
      MAIL_WEB_URL: 'http://mail.example',
    },
  });
  expect(servers.all.map(({ name, external, pid }) => ({ name, external, pid }))).toEqual(
    ['kafka', 'connect', 'maildev'].map((name) => ({ name, external: true, pid: undefined })),
  );
  expect(servers.env).toEqual({
    KAFKA_BROKERS: `${host}:1,${host}:${plain}`,
    CONNECT_URL: `http://${host}:${web}`,
    SMTP_URL: `smtp://user:secret@${host}:${plain}`,
    MAIL_WEB_URL: 'http://mail.example',
  });
  expect(lines.join('\n')).not.toContain('secret');
  await expect(servers.kafka.kill()).rejects.toThrow('kafka is given by KAFKA_BROKERS');
  expect(() => servers.mongodbUri).toThrow('there is no MONGODB_URI');
  expect(() => servers.mongod).toThrow('mongod was not started');
});

test.each([
  [
    'kafka',
    { KAFKA_BROKERS: '127.0.0.1:PORT' },
    /^KAFKA_BROKERS is set to .*, so no kafka is started; but it cannot be used/,
  ],
  [
    'maildev',
    { SMTP_URL: 'smtp://127.0.0.1:PORT' },
    /^SMTP_URL is set to .*, so no maildev is started; but it cannot be used/,
  ],
  ['kafka', { KAFKA_BROKERS: 'localhost' }, /^KAFKA_BROKERS is "localhost", but must be host:port/],
  ['maildev', { SMTP_URL: 'localhost:25' }, /^SMTP_URL is "localhost:25", but must look like smtp:\/\/host:port/],
  ['mongod', { MONGODB_URI: 'localhost' }, /^MONGODB_URI must look like/],
] as const)('says what is wrong with a given %s: %p', async (name, env, message) => {
  const port = String(await freePort());
  const withPort = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, value.replace('PORT', port)]));
  await expect(start({ only: [name], env: withPort })).rejects.toThrow(message);
});

test('splits a list of brokers', () => {
  expect(hostsAndPorts('a:1, [::1]:2', 'X')).toEqual([
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
  ]);
  expect(() => hostsAndPorts('a:70000', 'X')).toThrow('X is "a:70000"');
});

test('hides passwords', () => {
  expect(withoutPassword('mongodb://u:p@h:1/x')).toBe('mongodb://u:***@h:1/x');
  expect(withoutPassword('mongodb://h:1/x')).toBe('mongodb://h:1/x');
});
