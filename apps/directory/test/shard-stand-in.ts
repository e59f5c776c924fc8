import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Told {
  accountId: string;
  headers: IncomingHttpHeaders;
  body: { subdomain: string; name: string; owner: { email: string; fullName: string; passwordHash: string } };
}

/** Does what a shard's API does when it is told of an account, and on request what goes wrong. */
export class ShardStandIn {
  readonly told: Told[] = [];
  /** What it does in place of taking the account. */
  fault: ((response: ServerResponse) => void) | undefined;
  /** What it does with all that is not about accounts. */
  api: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    response.writeHead(404).end();
  private server: http.Server | undefined;
  port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    this.server = http.createServer((request, response) => void this.answer(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port; // a listening TCP server has an address with a port
    return this;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve(undefined)));
  }

  toldOf(subdomain: string): Told[] {
    return this.told.filter(({ body }) => body.subdomain === subdomain);
  }

  /** Of the accounts that it took; one that it was not told of is not there. */
  readonly states = new Map<string, 'unconfirmed' | 'active'>();

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, accountId] = /^\/caregate\/v1\/accounts\/([0-9a-f-]{36})$/.exec(request.url ?? '') ?? [];
    if (request.method === 'GET' && accountId !== undefined) return this.show(accountId, response);
    if (request.method !== 'PUT' || accountId === undefined) return this.api(request, response);
    const text = (await request.setEncoding('utf8').toArray()).join('');
    this.told.push({ accountId, headers: request.headers, body: JSON.parse(text) });
    if (this.fault) return this.fault(response);
    if (!this.states.has(accountId)) this.states.set(accountId, 'unconfirmed');
    this.show(accountId, response);
  }

  private show(id: string, response: ServerResponse): void {
    const state = this.states.get(id);
    response.writeHead(state ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(state ? { id, state } : { message: 'there is no such account on this shard' }));
  }
}
