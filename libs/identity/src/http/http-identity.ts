import { Conflict, NotFound, ServiceUnavailable, Unprocessable } from '@caregate/service';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { CallerCache } from '../caller-cache.ts';
import {
  type CustodialEnd,
  IdentityService,
  type Owner,
  type Permissions,
  type Principal,
  type Profile,
  type RestrictedToken,
  type Session,
  SignsInWithEmail,
  type User,
  type UserDataSource,
  type UserUpdate,
} from '../identity-service.ts';
import type { HttpConfig } from '../settings.ts';
import { isUserId, type UserId } from '../user-id.ts';
import { Backend, type BackendAnswer, type BackendRequest } from './backend.ts';

const TOKEN_HEADER = 'x-tidepool-session-token';

const userId = z.string().refine(isUserId, 'is not a user id');
const permissions = z.record(z.string(), z.record(z.string(), z.unknown()));
/** 404 may be about the route or about the user. */
const NOT_OFFERED: ReadonlySet<number> = new Set([403, 404, 405, 501]);

/** Times that a service may leave out; one that cannot be read is none. */
const time = z.coerce.date().nullish().catch(undefined);
const shapes = {
  token: z.object({ userid: z.string(), isserver: z.boolean().default(false) }),
  user: z.object({
    userid: userId,
    username: z.string().optional(),
    emails: z.array(z.string()).nullish(),
    roles: z.array(z.string()).nullish(),
    emailVerified: z.boolean().optional(),
    passwordExists: z.boolean().optional(),
  }),
  // What people tell of themselves, in whatever form: one odd profile must not look like a service that is away.
  profile: z.looseObject({
    fullName: z.string().optional().catch(undefined),
    patient: z.looseObject({}).optional().catch(undefined),
  }),
  groups: z.record(z.string(), permissions),
  restrictedToken: z.object({
    id: z.string(),
    userId,
    paths: z.array(z.string()).nullish(),
    expirationTime: z.coerce.date(),
    createdTime: z.coerce.date(),
  }),
  grant: z.object({ access_token: z.string() }),
  dataSources: z.array(
    z.object({
      id: z.string().nullish(),
      providerName: z.string(),
      state: z.string(),
      modifiedTime: time,
      expirationTime: time,
      latestDataTime: time,
    }),
  ),
};

/** Asks a remote identity service, with the routes of the public system (behaviour, "Identity"). */
export class HttpIdentity extends IdentityService {
  private readonly backend: Backend;
  private readonly callers = new CallerCache((token) => this.readToken(token));
  private readonly dataServices: Backend | undefined;
  private serverToken: Promise<string> | undefined;

  constructor(private readonly config: HttpConfig) {
    super();
    this.backend = new Backend(config.url);
    this.dataServices = config.dataSourcesUrl === undefined ? undefined : new Backend(config.dataSourcesUrl);
  }

  authenticate(token: string): Promise<Principal | undefined> {
    return this.callers.principal(token);
  }

  async findUser(idOrEmail: string): Promise<User | undefined> {
    if (!isUserId(idOrEmail) && !isEmail(idOrEmail)) return undefined;
    const answer = await this.ask({ method: 'GET', path: ['user', idOrEmail], purpose: 'find a user' });
    return answer.status === 404 ? undefined : toUser(read(answer, shapes.user, 'find a user'));
  }

  async createCustodialUser(clinicId: string, { email }: { email?: string; fullName?: string }): Promise<User> {
    const purpose = 'create a custodial user';
    const body = email === undefined ? {} : { username: email, emails: [email] };
    const answer = await this.ask({ method: 'POST', path: ['v1', 'clinics', clinicId, 'users'], body, purpose });
    if (answer.status === 409) throw emailTaken();
    return toUser(read(answer, shapes.user, purpose));
  }

  async updateUser(userId: UserId, { email, ...rest }: UserUpdate): Promise<User> {
    return this.update(userId, { ...rest, ...(email !== undefined && { username: email, emails: [email] }) });
  }

  async changeCustodialEmail(userId: UserId, email: string): Promise<void> {
    if (await this.isClaimed(userId)) throw new SignsInWithEmail();
    await this.updateUser(userId, { email });
  }

  /** A name that is no email would be refused, so none is sent (behaviour, "Identity"). */
  async removeEmail(userId: UserId): Promise<void> {
    if (await this.isClaimed(userId)) throw new SignsInWithEmail();
    await this.update(userId, { emails: [] });
  }

  /** The service has no way to change only who has no password, so a claim between this look and the change is not seen. */
  private async isClaimed(userId: UserId): Promise<boolean> {
    const user = await this.findUser(userId);
    if (!user) throw noSuchUser(userId);
    return user.hasPassword === true;
  }

  private async update(userId: UserId, updates: Record<string, unknown>): Promise<User> {
    const purpose = 'update a user';
    const answer = await this.ask({ method: 'PUT', path: ['user', userId], body: { updates }, purpose });
    if (answer.status === 404) throw noSuchUser(userId);
    if (answer.status === 409) throw emailTaken();
    return toUser(read(answer, shapes.user, purpose));
  }

  async profile(userId: UserId): Promise<Profile | undefined> {
    const answer = await this.ask({ method: 'GET', path: [userId, 'profile'], purpose: 'read a profile' });
    return answer.status === 404 ? undefined : read(answer, shapes.profile, 'read a profile');
  }

  async saveProfile(userId: UserId, profile: Profile): Promise<void> {
    const purpose = 'save a profile';
    const answer = await this.ask({ method: 'PUT', path: [userId, 'profile'], body: profile, purpose });
    if (answer.status === 404) throw noSuchUser(userId);
    assertDone(answer, purpose);
  }

  async saveCustodialProfile(userId: UserId, profile: Profile): Promise<boolean> {
    if (await this.isClaimed(userId)) return false;
    await this.saveProfile(userId, profile);
    return true;
  }

  async deleteSessions(userId: UserId): Promise<void> {
    const purpose = 'end the sessions of a user';
    const answer = await this.ask({ method: 'DELETE', path: ['user', userId, 'sessions'], purpose });
    this.callers.forget(userId);
    if (answer.status !== 404) assertDone(answer, purpose);
  }

  async sharesWith(userId: UserId): Promise<Map<UserId, Permissions>> {
    const purpose = 'list who shares with a user';
    const answer = await this.ask({ method: 'GET', path: ['access', 'groups', userId], purpose });
    if (answer.status === 404) return new Map();
    return new Map(
      Object.entries(read(answer, shapes.groups, purpose)).flatMap(([id, set]) => (isUserId(id) ? [[id, set]] : [])),
    );
  }

  async setSharing(userId: UserId, granteeId: UserId, permissions: Permissions): Promise<void> {
    const purpose = 'change what a user shares';
    assertDone(
      await this.ask({ method: 'POST', path: ['access', userId, granteeId], body: permissions, purpose }),
      purpose,
    );
  }

  /** The route is that of the public platform's data service, which may have an address of its own. */
  async dataSources(userId: UserId): Promise<UserDataSource[] | undefined> {
    if (!this.dataServices) return undefined;
    const purpose = 'list the data sources of a user';
    const path = ['v1', 'users', userId, 'data_sources'];
    const answer = await this.ask({ method: 'GET', path, purpose }, this.dataServices);
    return answer.status === 404 ? [] : read(answer, shapes.dataSources, purpose).map(toDataSource);
  }

  async serviceAccountUser(clientId: string, clientSecret: string): Promise<UserId> {
    const purpose = 'check a service account';
    const path = ['realms', this.config.realm, 'protocol', 'openid-connect', 'token'];
    const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
    const answer = await this.backend.call({ method: 'POST', path, form, purpose });
    if (answer.status >= 400)
      throw new Unprocessable('the client id or secret of the service account was refused; check both');
    const { sub = '' } = decodeJwt(read(answer, shapes.grant, purpose).access_token);
    if (!isUserId(sub)) throw new Unprocessable('the service account has no user at the identity provider');
    return sub;
  }

  async createRestrictedToken(userId: UserId, paths: string[], expirationTime?: Date): Promise<RestrictedToken> {
    const purpose = 'make a restricted token';
    const body = { paths, ...(expirationTime && { expirationTime }) };
    const answer = await this.ask({
      method: 'POST',
      path: ['v1', 'users', userId, 'restricted_tokens'],
      body,
      purpose,
    });
    if (answer.status === 404) throw noSuchUser(userId);
    return toRestrictedToken(read(answer, shapes.restrictedToken, purpose));
  }

  async restrictedToken(id: string): Promise<RestrictedToken | undefined> {
    if (!/^[\w-]+$/.test(id)) return undefined;
    const purpose = 'read a restricted token';
    const answer = await this.ask({ method: 'GET', path: ['v1', 'restricted_tokens', id], purpose });
    return answer.status === 404 ? undefined : toRestrictedToken(read(answer, shapes.restrictedToken, purpose));
  }

  async signIn(): Promise<Session> {
    throw new NotFound('people sign in at the identity service of this system, not here');
  }

  async confirmOwner({ email }: Owner): Promise<User> {
    const user = await this.findUser(email);
    if (!user) throw new Unprocessable('make a user with this address at the identity service of this system first');
    if (user.emailVerified !== true)
      throw new Unprocessable('verify this address at the identity service of this system first');
    return user;
  }

  async deleteUser(): Promise<void> {
    throw new NotFound('people end their accounts at the identity service of this system, not here');
  }

  /** Whether a user has data, the data service knows too; as long as it says nothing, the user is taken to have some. */
  async endCustodialUser(userId: UserId, { hasData }: { readonly hasData: boolean }): Promise<CustodialEnd> {
    const purpose = 'end a custodial user';
    const found = await this.ask({ method: 'GET', path: ['user', userId], purpose });
    if (found.status === 404) return 'unknown';
    if (read(found, shapes.user, purpose).passwordExists) return 'claimed';
    const sources = hasData ? undefined : await this.dataSources(userId);
    if (sources?.length === 0 && (await this.deleteThere(userId))) return 'ended';
    await this.removeEmail(userId);
    return 'kept without email';
  }

  /** Says whether it was done: not every service lets a server delete users. */
  private async deleteThere(userId: UserId): Promise<boolean> {
    const purpose = 'delete a custodial user';
    const answer = await this.ask({ method: 'DELETE', path: ['user', userId], purpose });
    this.callers.forget(userId);
    if (NOT_OFFERED.has(answer.status)) return (await this.findUser(userId)) === undefined;
    assertDone(answer, purpose);
    return true;
  }

  /** The remote service is where users are deleted; here only what is remembered of their sessions goes. */
  async forgetUser(userId: UserId): Promise<void> {
    this.callers.forget(userId);
  }

  serviceToken(): Promise<string> {
    return (this.serverToken ??= this.signInAsServer());
  }

  private async readToken(token: string): Promise<Principal | undefined> {
    if (token === '.' || token === '..') return undefined; // they would change the path
    const answer = await this.ask({ method: 'GET', path: ['token', token], purpose: 'check a token' });
    if (answer.status === 404 || answer.status === 401 || answer.status === 400) return undefined;
    const { userid, isserver } = read(answer, shapes.token, 'check a token');
    if (isserver) return { kind: 'service', name: userid };
    return isUserId(userid) ? { kind: 'user', userId: userid } : undefined;
  }

  /** Asks as this server, signing in first, and again when its token has expired. */
  private async ask(request: BackendRequest, backend = this.backend): Promise<BackendAnswer> {
    const used = this.serviceToken();
    const answer = await askWith(backend, await used, request);
    // A 401 to a look-up of somebody's token may be about that token; signing in anew is right either way, and happens once.
    if (answer.status !== 401 || this.config.serverSecret === '') return answer;
    if (this.serverToken === used) this.serverToken = undefined;
    return askWith(backend, await this.serviceToken(), request);
  }

  private async signInAsServer(): Promise<string> {
    const { serverName, serverSecret } = this.config;
    const headers = { 'x-tidepool-server-name': serverName, 'x-tidepool-server-secret': serverSecret };
    try {
      const answer = await this.backend.call({
        method: 'POST',
        path: ['serverlogin'],
        headers,
        purpose: 'sign in this server',
      });
      const token = answer.header(TOKEN_HEADER);
      if (answer.status >= 400 || !token)
        throw new ServiceUnavailable('the identity service does not know this server; check IDENTITY_SECRET');
      return token;
    } catch (error) {
      this.serverToken = undefined; // or the failure would be remembered
      throw error;
    }
  }
}

function askWith(backend: Backend, serverToken: string, request: BackendRequest): Promise<BackendAnswer> {
  return backend.call({ ...request, headers: { [TOKEN_HEADER]: serverToken } });
}

function toUser(answer: z.output<typeof shapes.user>): User {
  const { userid, username, emails, roles, emailVerified, passwordExists } = answer;
  // A user whose email was taken away may keep it as a name, by which nobody finds them.
  const email = (emails ?? [username]).find((name) => name !== undefined && isEmail(name));
  return {
    userId: userid,
    roles: roles ?? [],
    ...(email && { email }),
    ...(emailVerified !== undefined && { emailVerified }),
    ...(passwordExists !== undefined && { hasPassword: passwordExists }),
  };
}

function toDataSource({
  id,
  providerName,
  state,
  ...times
}: z.output<typeof shapes.dataSources>[number]): UserDataSource {
  const { modifiedTime, expirationTime, latestDataTime } = times;
  return {
    ...(id && { dataSourceId: id }),
    ...{ providerName, state },
    ...(modifiedTime && { modifiedTime }),
    ...(expirationTime && { expirationTime }),
    ...(latestDataTime && { latestDataTime }),
  };
}

function toRestrictedToken(token: z.output<typeof shapes.restrictedToken>): RestrictedToken {
  return { ...token, paths: token.paths ?? [] };
}

/** An answer is data of others: what does not have the shape that we rely on is a fault of the service, not of our caller. */
function read<Shape extends z.ZodType>(answer: BackendAnswer, shape: Shape, purpose: string): z.output<Shape> {
  assertDone(answer, purpose);
  const parsed = shape.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.') || 'body').join(', ');
  throw new ServiceUnavailable(`the identity service gave an unexpected answer when asked to ${purpose} (${where})`);
}

function assertDone(answer: BackendAnswer, purpose: string): void {
  if (answer.status >= 300)
    throw new ServiceUnavailable(`the identity service answered ${answer.status} when asked to ${purpose}`);
}

/** Only what decides whether to ask: it holds an @ and can be part of a path. */
const isEmail = (text: string) => text.length <= 320 && text.isWellFormed() && /^[^@\s]+@[^@\s]+$/.test(text);
const noSuchUser = (userId: UserId) => new NotFound(`there is no user ${userId}`);
const emailTaken = () => new Conflict('a user with this email exists already');
