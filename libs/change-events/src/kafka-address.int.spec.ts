import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type Certificates, makeCertificates } from '@caregate/stack';

// Not a Kafka: a port that speaks TLS and just enough of Kafka's protocol to hear which SASL mechanism is asked for.
const [API_VERSIONS, SASL_HANDSHAKE] = [18, 17];
const PROGRAM = `
import { DeadLetters } from '@caregate/change-events/dead-letters';
import { kafkaAddress } from '@caregate/change-events/kafka-address';
await new DeadLetters({ ...kafkaAddress(process.env.KAFKA_BROKERS), topicPrefix: 'tls' }).list();
`;

let folder: string;
let certificates: Certificates;
let server: Server;
let heard: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'caregate-tls-'));
  certificates = await makeCertificates(folder);
  server = createServer({ key: certificates.key, cert: certificates.cert }, listen).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
beforeEach(() => (heard = []));
afterAll(async () => {
  server.close();
  await once(server, 'close');
  rmSync(folder, { recursive: true });
});

function listen(socket: TLSSocket): void {
  let bytes = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (more: Buffer) => {
    bytes = Buffer.concat([bytes, more]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE()) {
      const end = 4 + bytes.readInt32BE();
      answer(socket, bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
  });
}

function answer(socket: TLSSocket, request: Buffer): void {
  if (request.readInt16BE() === API_VERSIONS) {
    const known = [API_VERSIONS, 0, 2, SASL_HANDSHAKE, 0, 1, 36, 0, 1, 3, 0, 5]; // key, lowest and highest version of each
    const body = Buffer.alloc(14 + known.length * 2);
    request.copy(body, 0, 4, 8); // the correlation id
    body.writeInt32BE(known.length / 3, 6);
    known.forEach((number, index) => body.writeInt16BE(number, 10 + index * 2));
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    socket.write(Buffer.concat([size, body]));
    return;
  }
  if (request.readInt16BE() === SASL_HANDSHAKE) {
    const start = 10 + request.readInt16BE(8); // after the client's name
    heard.push(request.toString('utf8', start + 2, start + 2 + request.readInt16BE(start)));
  }
  socket.destroy();
}

/** A process of its own, as Node reads NODE_EXTRA_CA_CERTS when it starts. It cannot succeed, as nobody answers the handshake. */
async function connect(address: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { port } = server.address() as AddressInfo; // of a TCP server
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    cwd: join(import.meta.dirname, '..'),
    env: { PATH: process.env['PATH'], KAFKA_BROKERS: address.replace('PORT', String(port)), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  await once(child, 'close');
  return said;
}

test.each([
  ['kafkas://worker:p%40ss@127.0.0.1:PORT', 'SCRAM-SHA-512'],
  ['kafkas://worker:p%40ss@127.0.0.1:PORT?mechanism=plain', 'PLAIN'],
])('with %s the client speaks TLS and asks for %s', async (address, mechanism) => {
  await connect(address, { NODE_EXTRA_CA_CERTS: certificates.caFile });
  expect(new Set(heard)).toEqual(new Set([mechanism]));
});

test('nothing is said to a server whose certificate nobody vouches for', async () => {
  expect(await connect('kafkas://worker:p%40ss@127.0.0.1:PORT', {})).toMatch(/unable to verify the first certificate/);
  expect(heard).toEqual([]);
});
