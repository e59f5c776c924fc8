import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { contracts, operations } from '@caregate/contracts';
import { readSigningKey, signDirectoryToken } from '@caregate/identity/directory-token';
import type { Target } from './world.ts';

export interface SigningProxy {
  readonly url: string;
  close(): Promise<void>;
}

const ROUTES = operations(contracts.account).map(({ operationId, method, path }) => ({
  operationId,
  method: method.toUpperCase(),
  matches: new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

/** Stands before the API and signs each request as the directory would, since its tokens are good for one request only. */
export async function startSigningProxy(target: Target): Promise<SigningProxy> {
  const server = createServer((incoming, outgoing) => {
    pass(target, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens at a port
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

async function pass(target: Target, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = await buffer(incoming);
  const authorization = `Bearer ${await tokenFor(target, incoming, body)}`;
  const { url = '/', method = 'GET', headers } = incoming;
  const { hostname, port } = new URL(target.url);
  const asked = request({ hostname, port, path: url, method, headers: { ...headers, authorization } }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  asked.on('error', () => outgoing.destroy());
  asked.end(body);
}

function tokenFor(target: Target, { url = '/', method }: IncomingMessage, body: Buffer): Promise<string> {
  const [path = '', query = ''] = url.split('?');
  const route = ROUTES.find((each) => each.method === method && each.matches.test(path));
  const accountId = route?.matches.exec(path)?.groups?.['accountId'] ?? target.shardId;
  return signDirectoryToken(readSigningKey(target.directorySigningKey), target.shardId, {
    operationId: route?.operationId ?? 'none',
    accountId,
    moveId: moveIdIn(body) ?? new URLSearchParams(query).get('moveId') ?? 'a-move',
  });
}

function moveIdIn(body: Buffer): string | undefined {
  try {
    const { moveId }: { moveId?: unknown } = JSON.parse(body.toString());
    return typeof moveId === 'string' ? moveId : undefined;
  } catch {
    return undefined;
  }
}
