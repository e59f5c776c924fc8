import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { isUserId, type UserId } from '@caregate/identity';

/** A user as the tests make them. */
export interface TestUser {
  readonly userId: UserId;
  email?: string;
  roles: string[];
  emailVerified?: boolean;
  profile?: Record<string, unknown>;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}
interface Asked {
  readonly parts: readonly string[];
  readonly body: unknown;
}

const TOKEN_HEADER = 'x-tidepool-session-token';

/**
 * A remote identity service in memory, with the routes that `@caregate/identity` asks (behaviour, "Identity").
 * Token `user:<id>` speaks for that user, `server:<name>` for a service. A service account's secret is good when it is `good-secret`,
 * and its client id is the id of its user.
 */
export class IdentityServer {
  private readonly users = new Map<string, TestUser>();
  private readonly sharing = new Map<string, unknown>();
  private readonly restricted = new Map<string, unknown>();
  private constructor(private readonly server: http.Server) {}

  static async start(): Promise<IdentityServer> {
    const server = http.createServer();
    const identity = new IdentityServer(server);
    server.on('request', (request, response) => {
      void identity.answer(request).then(({ status, body, headers }) => {
        response.writeHead(status, { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers });
        response.end(body === undefined ? '' : JSON.stringify(body));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return identity;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo; // it listens on a port, not on a pipe
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Adds a user; what is not said is made up. */
  addUser(given: Partial<TestUser> = {}): TestUser {
    const userId = given.userId ?? newUserId();
    const user: TestUser = {
      email: `${userId}@example.test`,
      roles: ['clinician'],
      emailVerified: true,
      profile: { fullName: `Person ${userId}` },
      ...given,
      userId,
    };
    this.users.set(userId, user);
    return user;
  }

  user(userId: string): TestUser | undefined {
    return this.users.get(userId);
  }

  deleteUser(userId: string): void {
    this.users.delete(userId);
  }

  /** Lets a user share with another in the legacy way. */
  share(userId: string, granteeId: string, permissions: Record<string, object>): void {
    this.sharing.set(`${userId}/${granteeId}`, permissions);
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set, so these are buffers
    const parts = new URL(request.url ?? '', this.url).pathname.slice(1).split('/').map(decodeURIComponent);
    const asked: Asked = { parts, body: parse(Buffer.concat(chunks).toString(), request.headers['content-type']) };
    const route = ROUTES.find(([method, pattern]) => method === request.method && fits(pattern, parts));
    return route ? route[2].call(this, asked) : { status: 501 };
  }

  private find(idOrEmail: string | undefined): TestUser | undefined {
    const wanted = idOrEmail?.toLowerCase();
    return (
      this.users.get(wanted ?? '') ?? [...this.users.values()].find(({ email }) => email?.toLowerCase() === wanted)
    );
  }

  private static readonly serverLogin = (): Answer => ({ status: 200, headers: { [TOKEN_HEADER]: 'server:caregate' } });

  static readonly routes: readonly (readonly [
    string,
    string,
    (this: IdentityServer, asked: Asked) => Answer | Promise<Answer>,
  ])[] = [
    ['POST', 'serverlogin', IdentityServer.serverLogin],
    [
      'GET',
      'token/*',
      ({ parts: [, token = ''] }) => {
        const [kind, id = ''] = token.split(':');
        if (id === '' || (kind !== 'user' && kind !== 'server')) return { status: 404 };
        return { status: 200, body: { userid: id, isserver: kind === 'server' } };
      },
    ],
    [
      'GET',
      'user/*',
      function ({ parts }) {
        const user = this.find(parts[1]);
        return user ? { status: 200, body: wire(user) } : { status: 404 };
      },
    ],
    [
      'PUT',
      'user/*',
      function ({ parts, body }) {
        const user = this.find(parts[1]);
        if (!user) return { status: 404 };
        // what our client sends
        const { username, emails, roles } = (
          body as { updates: { username?: string; emails?: string[]; roles?: string[] } }
        ).updates;
        const holder = username && this.find(username);
        if (holder && holder.userId !== user.userId) return { status: 409 };
        if (emails?.length === 0) delete user.email;
        else if (username !== undefined) user.email = username;
        if (roles !== undefined) user.roles = roles;
        return { status: 200, body: wire(user) };
      },
    ],
    ['DELETE', 'user/*/sessions', () => ({ status: 204 })],
    [
      'POST',
      'v1/clinics/*/users',
      function ({ body }) {
        const { username } = body as { username?: string }; // as above
        if (username && this.find(username)) return { status: 409 };
        const user: TestUser = { userId: newUserId(), roles: ['patient'], ...(username && { email: username }) };
        this.users.set(user.userId, user);
        return { status: 201, body: wire(user) };
      },
    ],
    [
      'GET',
      'access/groups/*',
      function ({ parts }) {
        const to = `/${parts[2]}`;
        const sets = [...this.sharing]
          .filter(([key]) => key.endsWith(to))
          .map(([key, set]) => [key.slice(0, -to.length), set]);
        return { status: 200, body: Object.fromEntries(sets) };
      },
    ],
    [
      'POST',
      'access/*/*',
      function ({ parts: [, userId, granteeId], body }) {
        this.sharing.set(`${userId}/${granteeId}`, body ?? {});
        return { status: 200, body: body ?? {} };
      },
    ],
    [
      'POST',
      'v1/users/*/restricted_tokens',
      function ({ parts, body }) {
        const token = {
          paths: [],
          expirationTime: new Date(Date.now() + 3_600_000),
          ...(body as object), // the client's own form
          id: randomBytes(16).toString('hex'),
          userId: parts[2],
          createdTime: new Date(),
        };
        this.restricted.set(token.id, token);
        return { status: 201, body: token };
      },
    ],
    [
      'GET',
      'v1/restricted_tokens/*',
      function ({ parts }) {
        const token = this.restricted.get(parts[2] ?? '');
        return token ? { status: 200, body: token } : { status: 404 };
      },
    ],
    [
      'POST',
      'realms/*/protocol/openid-connect/token',
      async ({ body }) => {
        const { client_id: id = '', client_secret: secret } = body as Record<string, string>; // a form
        if (secret !== 'good-secret') return { status: 401, body: { error: 'invalid_client' } };
        const token = await new SignJWT({ sub: id }).setProtectedHeader({ alg: 'HS256' }).sign(randomBytes(32));
        return { status: 200, body: { access_token: token, token_type: 'Bearer' } };
      },
    ],
    [
      'GET',
      '*/profile',
      function ({ parts: [userId = ''] }) {
        const profile = this.users.get(userId)?.profile;
        return profile ? { status: 200, body: profile } : { status: 404 };
      },
    ],
    [
      'PUT',
      '*/profile',
      function ({ parts: [userId = ''], body }) {
        const user = this.users.get(userId);
        if (!user) return { status: 404 };
        user.profile = body as Record<string, unknown>; // the client's own form
        return { status: 200, body };
      },
    ],
  ];
}

const ROUTES = IdentityServer.routes;

/** Ten random hex digits. */
export function newUserId(): UserId {
  const id = randomBytes(5).toString('hex');
  if (!isUserId(id)) throw new Error('ten hex digits are a user id');
  return id;
}

const wire = ({ userId, email, roles, emailVerified }: TestUser) => ({
  userid: userId,
  roles,
  ...(email !== undefined && { username: email, emails: [email] }),
  ...(emailVerified !== undefined && { emailVerified }),
});

function fits(pattern: string, parts: readonly string[]): boolean {
  const wanted = pattern.split('/');
  return wanted.length === parts.length && wanted.every((part, i) => part === '*' || part === parts[i]);
}

function parse(text: string, type = ''): unknown {
  if (text === '') return undefined;
  return type.includes('urlencoded') ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
}
