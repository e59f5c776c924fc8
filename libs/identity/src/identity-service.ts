import type { ClientSession } from 'mongoose';
import { Conflict } from '@caregate/service';
import type { UserId } from './user-id.ts';

/** Who a session token speaks for: a person, or a back-end service. */
export type Principal = { kind: 'user'; userId: UserId } | { kind: 'service'; name: string };

/** A clinic would change the address by which a person signs in. */
export class SignsInWithEmail extends Conflict {
  constructor() {
    super('the user signs in with this email; only they can change it');
  }
}

/** A user account. Custodial users have no password, and an email only when their clinic knows one. */
export interface User {
  userId: UserId;
  email?: string;
  /** `patient`, `clinician`, `clinic` (a legacy clinic account), … as the identity service keeps them. */
  roles: string[];
  emailVerified?: boolean;
  /** Whether somebody can sign in as this user: not as one whom a clinic looks after. */
  hasPassword?: boolean;
}

export type UserUpdate = Partial<Pick<User, 'email' | 'roles' | 'emailVerified'>>;

/** What a person tells about themselves. Other keys of a remote profile are kept as they are. */
export interface Profile {
  fullName?: string;
  patient?: PatientProfile;
  [key: string]: unknown;
}

export interface PatientProfile {
  /** YYYY-MM-DD */
  birthday?: string;
  mrn?: string;
  email?: string;
  targetDevices?: string[];
  [key: string]: unknown;
}

/** What became of the account of a custodial user. */
export type CustodialEnd = 'ended' | 'kept without email' | 'claimed' | 'unknown';

/** A permission set, such as `{ view: {}, upload: {} }`. */
export type Permissions = Record<string, Record<string, unknown>>;

/** Who signed up an account, as the directory tells it. The hash is an argon2id PHC string. */
export interface Owner {
  email: string;
  fullName: string;
  passwordHash: string;
}

/** A signed-in session. The token goes into `x-tidepool-session-token`. */
export interface Session {
  token: string;
  userId: UserId;
  expiresTime: Date;
}

/** A token that opens only some paths, for one user and a short time. */
export interface RestrictedToken {
  id: string;
  userId: UserId;
  paths: string[];
  expirationTime: Date;
  createdTime: Date;
}

/** An account of a user with a provider of data, such as a sensor's maker. */
export interface UserDataSource {
  /** 24 hex digits */
  dataSourceId?: string;
  providerName: string;
  state: string;
  modifiedTime?: Date;
  expirationTime?: Date;
  latestDataTime?: Date;
}

/**
 * Callers and users. Two implementations: `local` keeps users on the shard, `http` asks a remote service.
 *
 * Every method throws ServiceUnavailable while what it depends on is away. "Unknown" is `undefined`, never an error,
 * where the return type says so.
 */
export abstract class IdentityService {
  /** Whom a session token speaks for; `undefined` when it is unknown, expired or ended. Answers are a few seconds old at most. */
  abstract authenticate(token: string): Promise<Principal | undefined>;

  /** Finds a user by id or by email, the latter in any case. */
  abstract findUser(idOrEmail: string): Promise<User | undefined>;

  /** Creates the account of a patient who is looked after by a clinic. Throws Conflict when the email is taken. */
  abstract createCustodialUser(clinicId: string, user: { email?: string; fullName?: string }): Promise<User>;

  /** Changes a user. Throws NotFound for an unknown user and Conflict when the email belongs to another. */
  abstract updateUser(userId: UserId, update: UserUpdate): Promise<User>;

  /**
   * Changes the email of a custodial user. Throws NotFound for an unknown user, Conflict when the email belongs to another, and
   * SignsInWithEmail when the person signs in with theirs by now.
   */
  abstract changeCustodialEmail(userId: UserId, email: string): Promise<void>;

  /**
   * Takes the email of a custodial user away; another may have it then. Throws NotFound for an unknown user and
   * SignsInWithEmail when the person signs in with it by now.
   */
  abstract removeEmail(userId: UserId): Promise<void>;

  /** The profile of a user; `undefined` when there is no such user or nothing is known of them. */
  abstract profile(userId: UserId): Promise<Profile | undefined>;

  /** Replaces the profile of a user. Throws NotFound for an unknown user. */
  abstract saveProfile(userId: UserId, profile: Profile): Promise<void>;

  /**
   * Replaces the profile of a custodial user. Says whether it was done: the profile of a person who has claimed the account is theirs, and
   * stands in other clinics' emails too. Throws NotFound for an unknown user.
   */
  abstract saveCustodialProfile(userId: UserId, profile: Profile): Promise<boolean>;

  /** Ends every session of a user; copies of an app notice within the few seconds that `authenticate` caches. */
  abstract deleteSessions(userId: UserId): Promise<void>;

  /** Legacy sharing: whom this user may see, by their user ids, with what permissions (`GET /access/groups/{userId}`). */
  abstract sharesWith(userId: UserId): Promise<Map<UserId, Permissions>>;

  /** Legacy sharing: what `granteeId` may do with the data of `userId`. An empty set takes all of it away. */
  abstract setSharing(userId: UserId, granteeId: UserId, permissions: Permissions): Promise<void>;

  /** The data sources of a user; `undefined` where no service is known that would know them. */
  abstract dataSources(userId: UserId): Promise<UserDataSource[] | undefined>;

  /** The user behind a service account. Throws Unprocessable when the client id or secret is refused. */
  abstract serviceAccountUser(clientId: string, clientSecret: string): Promise<UserId>;

  /** Makes a token for some paths, one hour long unless said otherwise. Throws NotFound for an unknown user. */
  abstract createRestrictedToken(userId: UserId, paths: string[], expirationTime?: Date): Promise<RestrictedToken>;

  /** A restricted token by its id; `undefined` when unknown or expired. */
  abstract restrictedToken(id: string): Promise<RestrictedToken | undefined>;

  /**
   * Signs a person in. Wrong email and wrong password look and take the same: Unauthorized. Too many attempts: TooManyRequests.
   * `address` is the client's network address, for throttling. With a remote service: NotFound, people sign in there.
   */
  abstract signIn(email: string, password: string, address: string): Promise<Session>;

  /**
   * The user who owns an account that was signed up with an address, once a mailed link has proven the address; can be repeated.
   * `password` is what the holder of the link typed: the one of the user who has the address, or else the one of the sign-up. So neither a
   * stranger who signed up with somebody's address gets in by their click, nor does somebody who took the address before without proof.
   * Throws Unauthorized for another password, and TooManyRequests. With a remote service, which has passwords and addresses in its own
   * care, the user must exist there with the address verified: Unprocessable.
   */
  abstract confirmOwner(owner: Owner, password: string, address: string): Promise<User>;

  /**
   * Ends a user's account: they can sign in no more, and the event of it makes all that was theirs go, in every clinic of the shard.
   * `along` is done in the same transaction.
   * Throws NotFound for an unknown user, and always with a remote service, where accounts end.
   */
  abstract deleteUser(userId: UserId, along?: (session: ClientSession) => Promise<void>): Promise<void>;

  /**
   * Ends the account of a custodial user whom no clinic looks after any more, or takes its email away where the user has data.
   * Leaves the account alone when the person has claimed it. Can be repeated.
   */
  abstract endCustodialUser(userId: UserId, user: { readonly hasData: boolean }): Promise<CustodialEnd>;

  /** Removes what is kept here of a user who is gone: account, sessions, sharing. Can be repeated. */
  abstract forgetUser(userId: UserId): Promise<void>;

  /** A token by which a service of this shard calls another. Only `local` can make one from nothing; `http` signs in as a server. */
  abstract serviceToken(name: string): Promise<string>;
}
