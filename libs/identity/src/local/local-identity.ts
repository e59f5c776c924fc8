import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  Conflict,
  inTransactionAlone,
  limitDocuments,
  type Logger,
  NotFound,
  Unauthorized,
  Unprocessable,
} from '@caregate/service';
import type { ClientSession, Connection } from 'mongoose';
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
import { hashPassword, isOutdated, isPassword, isPasswordHash, UnreadablePasswordHash } from '../passwords.ts';
import type { LocalConfig } from '../settings.ts';
import { isUserId, type UserId } from '../user-id.ts';
import { SessionTokens } from './session-tokens.ts';
import { SharingRepository } from './sharing.repository.ts';
import { SignInThrottle } from './sign-in-throttle.ts';
import { USER_EVENTS, UserEvents } from './user-events.ts';
import { emailKey, toUser, type UserRecord, UsersRepository } from './users.repository.ts';

/** Keeps the users of a shard in the shard's own database: the embedded default, and all that a small installation needs. */
export class LocalIdentity extends IdentityService {
  private readonly users: UsersRepository;
  private readonly sharing: SharingRepository;
  private readonly tokens: SessionTokens;
  private readonly throttle: SignInThrottle;
  private readonly callers: CallerCache;
  private readonly events: UserEvents;

  constructor(
    private readonly connection: Connection,
    config: LocalConfig,
    private readonly logger?: Pick<Logger, 'error'>,
  ) {
    super();
    this.events = new UserEvents(connection, config.shardId);
    this.users = new UsersRepository(connection);
    this.sharing = new SharingRepository(connection);
    this.tokens = new SessionTokens(config);
    this.throttle = new SignInThrottle(connection, config);
    this.callers = new CallerCache((token) => this.readToken(token));
  }

  authenticate(token: string): Promise<Principal | undefined> {
    return this.callers.principal(token);
  }

  async findUser(idOrEmail: string): Promise<User | undefined> {
    const found = isUserId(idOrEmail) ? await this.users.byId(idOrEmail) : await this.users.byEmail(idOrEmail);
    return found && toUser(found);
  }

  async createCustodialUser(
    clinicId: string,
    { email, fullName }: { email?: string; fullName?: string },
  ): Promise<User> {
    const user = {
      roles: ['patient'],
      custodianClinicId: clinicId,
      ...(email !== undefined && { email }),
      ...(fullName !== undefined && { profile: { fullName } }),
    };
    return toUser(await this.write((session) => this.users.insert(user, session)));
  }

  /** Whom a clinic looks after is not told of as a new user: their patient record says so already. A new email is. */
  async updateUser(userId: UserId, update: UserUpdate): Promise<User> {
    return this.write(async (session) => {
      if (update.email === undefined)
        return toUser((await this.users.update(userId, update, session)) ?? noSuchUser(userId));
      const before = (await this.users.byId(userId, session)) ?? noSuchUser(userId);
      // That the old email is theirs says nothing of the new one.
      const change = before.email === update.email ? update : { emailVerified: false, ...update };
      const after = (await this.users.update(userId, change, session)) ?? noSuchUser(userId);
      if (before.email !== after.email) await this.events.updated(userId, session);
      return toUser(after);
    });
  }

  async changeCustodialEmail(userId: UserId, email: string): Promise<void> {
    const user = (await this.users.byId(userId)) ?? noSuchUser(userId);
    if (user.passwordHash !== undefined) throw new SignsInWithEmail();
    await this.updateUser(userId, { email });
  }

  async removeEmail(userId: UserId): Promise<void> {
    if (await this.write((session) => this.users.removeEmail(userId, session))) return;
    if (!(await this.users.byId(userId))) noSuchUser(userId);
    throw new SignsInWithEmail();
  }

  async profile(userId: UserId): Promise<Profile | undefined> {
    return (await this.users.byId(userId))?.profile;
  }

  async saveProfile(userId: UserId, profile: Profile): Promise<void> {
    if (!(await this.write((session) => this.users.saveProfile(userId, profile, session)))) noSuchUser(userId);
  }

  async saveCustodialProfile(userId: UserId, profile: Profile): Promise<boolean> {
    if (await this.write((session) => this.users.saveCustodialProfile(userId, profile, session))) return true;
    if (!(await this.users.byId(userId))) noSuchUser(userId);
    return false;
  }

  async deleteSessions(userId: UserId): Promise<void> {
    await this.users.endSessions(userId);
    this.callers.forget(userId);
  }

  sharesWith(userId: UserId): Promise<Map<UserId, Permissions>> {
    return this.sharing.sharersOf(userId);
  }

  setSharing(userId: UserId, granteeId: UserId, permissions: Permissions): Promise<void> {
    return this.write((session) => this.sharing.set(userId, granteeId, permissions, session));
  }

  /** Users of a shard's own connect nothing by themselves: what their clinics were told stands on their patient records. */
  async dataSources(): Promise<UserDataSource[] | undefined> {
    return undefined;
  }

  async serviceAccountUser(clientId: string, clientSecret: string): Promise<UserId> {
    const account = await this.users.byClientId(clientId);
    const agrees = timingSafeEqual(
      sha256(clientSecret),
      Buffer.from(account?.clientSecretHash ?? '0'.repeat(64), 'hex'),
    );
    if (!account || !agrees)
      throw new Unprocessable('the client id or secret of the service account was refused; check both');
    return account._id;
  }

  /** Makes a service account. The secret is shown this once; only its hash is kept. */
  async createServiceAccount(name: string): Promise<{ userId: UserId; clientId: string; clientSecret: string }> {
    const clientId = `service-${randomBytes(8).toString('hex')}`;
    const clientSecret = randomBytes(32).toString('base64url');
    const clientSecretHash = sha256(clientSecret).toString('hex');
    const account = await this.users.insert({
      roles: ['service_account'],
      clientId,
      clientSecretHash,
      profile: { fullName: name },
    });
    return { userId: account._id, clientId, clientSecret };
  }

  async createRestrictedToken(userId: UserId, paths: string[], expirationTime?: Date): Promise<RestrictedToken> {
    if (!(await this.users.byId(userId))) noSuchUser(userId);
    return this.sharing.createRestrictedToken(userId, paths, expirationTime);
  }

  restrictedToken(id: string): Promise<RestrictedToken | undefined> {
    return this.sharing.restrictedToken(id);
  }

  async signIn(email: string, password: string, address: string): Promise<Session> {
    await this.throttle.attempt(emailKey(email), address);
    const { user, isShared } = await this.whoSignsIn(email, password);
    if (!user?.passwordHash) throw new Unauthorized('email or password is wrong');
    if (!isShared) await this.throttle.succeeded(emailKey(email), address); // or one would hide guesses at the other
    if (isOutdated(user.passwordHash))
      await this.users.rehash(user._id, user.passwordHash, await hashPassword(password));
    const { token, expiresTime } = await this.tokens.sign({
      kind: 'user',
      subject: user._id,
      epoch: user.sessionEpoch,
    });
    return { token, userId: user._id, expiresTime };
  }

  /** One password is looked at in any case, so that the time tells nobody which emails are known. */
  private async whoSignsIn(email: string, password: string): Promise<{ user?: UserRecord; isShared: boolean }> {
    const [first, others] = await Promise.all([this.users.byEmail(email), this.users.byEmailAlso(email)]);
    const isShared = others.length > 0;
    for (const user of [first, ...others]) {
      const isTheirs = await this.isPasswordOf(user, password);
      if (user && isTheirs) return { user, isShared };
    }
    return { isShared };
  }

  private isPasswordOf(user: UserRecord | undefined, password: string): Promise<boolean> {
    return isPassword(password, user?.passwordHash).catch((error: unknown) => this.noteUnreadable(error, user?._id));
  }

  /** Nobody can sign in by it, and only an operator can mend it; who tries is told what everybody is. */
  private noteUnreadable(error: unknown, userId: UserId | undefined): false {
    if (!(error instanceof UnreadablePasswordHash)) throw error;
    this.logger?.error(
      { userId },
      'the stored password hash of a user cannot be read, so they cannot sign in; set another',
    );
    return false;
  }

  async confirmOwner({ email, fullName, passwordHash }: Owner, password: string, address: string): Promise<User> {
    await this.throttle.attempt(emailKey(email), address);
    const user =
      (await this.provenByPassword(email, password)) ??
      (await this.provenByLink({ email, fullName, passwordHash }, password).catch(async (error: unknown) => {
        // The link was sent twice at once, and the other was faster: between both looks the address was taken, or while it was to be taken here.
        const isTaken = error instanceof Conflict || error instanceof Unauthorized;
        const made = isTaken ? await this.provenByPassword(email, password) : undefined;
        if (!made) throw error;
        return made;
      }));
    await this.throttle.succeeded(emailKey(email), address);
    return user;
  }

  /** The user who has the address already, if this is their password. */
  private async provenByPassword(email: string, password: string): Promise<User | undefined> {
    const holder = await this.users.byEmail(email);
    if (!holder?.passwordHash || !(await this.isPasswordOf(holder, password))) return undefined;
    await this.users.verifyEmail(holder._id, email);
    return toUser({ ...holder, emailVerified: true });
  }

  private async provenByLink(owner: Owner, password: string): Promise<User> {
    const holder = await this.users.byEmail(owner.email);
    const isTaken = holder?.passwordHash !== undefined && holder.emailVerified;
    if (!(await isPassword(password, isTaken ? undefined : owner.passwordHash)))
      throw new Unauthorized('this is not the password');
    if (!holder || holder.passwordHash !== undefined) return this.createUser(owner, holder);
    if (!(await this.users.setFirstPassword(holder._id, owner)))
      throw new Conflict('the user with this address has just changed; try again');
    return toUser({ ...holder, emailVerified: true, passwordHash: owner.passwordHash });
  }

  /**
   * Makes a user with an address that is proven, and takes the address from whoever had it without proof.
   * @throws {Conflict} when somebody has the address
   */
  async createUser({ email, fullName, passwordHash }: Owner, unproven?: Pick<UserRecord, '_id'>): Promise<User> {
    if (!isPasswordHash(passwordHash))
      throw new Unprocessable('owner.passwordHash must be an argon2id hash in PHC notation');
    return this.write(async (session) => {
      if (unproven) await this.users.releaseEmail(unproven._id, email, session);
      const owner = { email, emailVerified: true, passwordHash, roles: ['clinician'], profile: { fullName } };
      const user = await this.users.insert(owner, session);
      await this.events.created(user._id, session);
      return toUser(user);
    }).finally(() => unproven && this.callers.forget(unproven._id));
  }

  async deleteUser(userId: UserId, along?: (session: ClientSession) => Promise<void>): Promise<void> {
    await this.write(async (session) => {
      if (!(await this.users.byId(userId, session))) noSuchUser(userId);
      await along?.(session);
      await this.users.delete(userId, session);
      await this.events.deleted(userId, session);
    });
    this.callers.forget(userId);
  }

  /** Whatever data there were stood on the patient records. As nobody was told of the user, nobody is told of the end. */
  async endCustodialUser(userId: UserId): Promise<CustodialEnd> {
    const end = await this.write(async (session): Promise<CustodialEnd> => {
      const ended = await this.users.deleteCustodial(userId, session);
      if (!ended && (await this.users.byId(userId, session))) return 'claimed';
      await this.sharing.forget(userId, session);
      return ended ? 'ended' : 'unknown';
    });
    if (end !== 'claimed') this.callers.forget(userId);
    return end;
  }

  async forgetUser(userId: UserId): Promise<void> {
    await this.write(async (session) => {
      await this.sharing.forget(userId, session);
      await this.users.delete(userId, session);
    });
    this.callers.forget(userId);
  }

  async serviceToken(name: string): Promise<string> {
    return (await this.tokens.sign({ kind: 'service', subject: name })).token;
  }

  /** What moves with accounts is written in transactions, which look whether one is about to move. Not in the transaction of a request, which makes a change of its own. */
  private write<T>(work: (session: ClientSession) => Promise<T>): Promise<T> {
    return inTransactionAlone(this.connection, work);
  }

  private async readToken(token: string): Promise<Principal | undefined> {
    const claims = await this.tokens.read(token);
    if (claims === undefined) return undefined;
    if (claims.kind === 'service') return { kind: 'service', name: claims.subject };
    if (!isUserId(claims.subject)) return undefined;
    const epoch = await this.users.sessionEpoch(claims.subject);
    return epoch === claims.epoch ? { kind: 'user', userId: claims.subject } : undefined;
  }
}

/** Indexes of the collections that `local` keeps; can be repeated. */
export async function prepareLocalIdentity(connection: Connection): Promise<void> {
  await UsersRepository.prepare(connection);
  await SharingRepository.prepare(connection);
  await UserEvents.prepare(connection);
  await SignInThrottle.prepare(connection);
  await limitDocuments(connection, ['users', USER_EVENTS]);
}

function noSuchUser(userId: UserId): never {
  throw new NotFound(`there is no user ${userId}`);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();
