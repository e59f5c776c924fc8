import { Inject, Injectable } from '@nestjs/common';
import { createHash, randomBytes } from 'node:crypto';
import { type Caller, actingUser } from '@caregate/access';
import { type AccountId, type ApiKeyDocument, type KeyStopper, newObjectId } from '@caregate/clinic-model';
import { CONFIG, Forbidden, NotFound, TooManyRequests, Unauthorized } from '@caregate/service';
import { apiHost, formatApiKey, InvalidApiKey, isShardId, parseApiKey, type ShardId } from '@caregate/shard';
import type { ClinicApiConfig } from '../config.ts';
import { AccountDoor } from '../moves/account-door.ts';
import { WrongShard } from '../moves/moved-elsewhere.ts';
import { isFull } from '../quotas/quota-limits.ts';
import { Quotas } from '../quotas/quotas.service.ts';
import { ApiKeysRepository } from './api-keys.repository.ts';
import { KeyPeople } from './key-people.service.ts';

const SECRET_BYTES = 32;
/** So many times the quota may be made in a day, as keys are revoked and made anew. */
const A_DAY = 4;

/** API keys: `<secret>-<shard>`; the secret is shown once and kept as a hash (design, decision 10). */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly door: AccountDoor,
    private readonly people: KeyPeople,
    private readonly quotas: Quotas,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {}

  async create(accountId: AccountId, name: string, caller: Caller) {
    const createdBy = actingUser(caller);
    if (createdBy === undefined) throw new Forbidden();
    const secret = drawSecret();
    const key: ApiKeyDocument = {
      _id: newObjectId().toHexString(),
      accountId,
      name,
      secretHash: hashOf(secret),
      last4: secret.slice(-4),
      createdBy,
      createdTime: new Date(),
    };
    const { keys: limit } = this.quotas.limitsOf(accountId);
    await this.keys.insert(key, ({ working, ofToday }) => {
      const what = 'the account has all API keys that it may have';
      this.quotas.assertRoom('keys', limit, working, { what, remedy: 'revoke one that is not used' });
      if (!isFull(limit * A_DAY, ofToday)) return;
      this.quotas.countRefusal('keys');
      throw new TooManyRequests(`the account made ${ofToday} API keys within a day; keep those that it has`, 3_600);
    });
    return newKeyView(key, this.written(secret));
  }

  async list(accountId: AccountId) {
    return (await this.keys.ofAccount(accountId)).map(view);
  }

  /** The old secret stops working at once, or after the time of grace that is given. */
  async rotate(accountId: AccountId, keyId: string, graceSeconds = 0) {
    const secret = drawSecret();
    const graceEnds = graceSeconds > 0 ? new Date(Date.now() + graceSeconds * 1000) : undefined;
    const key = await this.keys.replaceSecret(
      accountId,
      keyId,
      { secretHash: hashOf(secret), last4: secret.slice(-4) },
      graceEnds,
      (replaced) => this.assertRoomForReplaced(accountId, replaced),
    );
    if (!key) throw new NotFound('there is no such API key, or it is revoked');
    return newKeyView(key, this.written(secret));
  }

  private assertRoomForReplaced(accountId: AccountId, replaced: number): void {
    const what = 'the account has all replaced API keys that may still work';
    const remedy = 'rotate without graceSeconds, which ends those of that key';
    this.quotas.assertRoom('keys', this.quotas.limitsOf(accountId).keys, replaced, { what, remedy });
  }

  async revoke(accountId: AccountId, keyId: string): Promise<void> {
    if (!(await this.keys.revoke(accountId, keyId)))
      throw new NotFound('there is no such API key, or it is revoked already');
  }

  /** Whom `Basic b64(key + ':')` speaks for; the key may come with its shard suffix or without (source "Sharding", "API keys and API URLs"). */
  async callerOf(authorization: string): Promise<Caller> {
    const { secret, shardId } = this.read(authorization);
    const key = await this.keyHere(hashOf(secret));
    if (shardId !== undefined && shardId !== this.config.SHARD_ID) throw this.wrongShard(shardId, key !== null);
    if (!key) throw new Unauthorized('the API key is unknown on this shard; check the key and the host');
    if (key.revokedTime) throw new Unauthorized('the API key was revoked; ask the account’s owner for a new one');
    const stopper = key.stoppedTime ? (key.stoppedBy ?? 'owner') : await this.people.whoIsGone(key);
    if (stopper) throw new Unauthorized(STOPPED[stopper]);
    if (key.expiresTime && key.expiresTime.getTime() <= Date.now())
      throw new Unauthorized('the API key was replaced by a new one; ask the account’s owner for it');
    await this.keys.noteUse(key);
    return { kind: 'apiKey', accountId: key.accountId, keyId: key.replacedBy ?? key._id, userId: key.createdBy };
  }

  /** The key, when its account lives here. @throws {WrongShard} when it has moved away */
  private async keyHere(secretHash: string): Promise<ApiKeyDocument | null> {
    const key = await this.keys.bySecret(secretHash);
    const gone = key ? this.door.standingOf(key.accountId)?.moved : await this.keys.whereMoved(secretHash);
    if (gone) throw WrongShard.moved(gone);
    return key && (await this.door.isHere(key.accountId)) ? key : null;
  }

  private wrongShard(shardId: ShardId, isHere: boolean): Unauthorized {
    const { SHARD_ID, DOMAIN } = this.config;
    if (isHere && isShardId(SHARD_ID)) return WrongShard.suffix(SHARD_ID);
    return new WrongShard(
      shardId,
      `this API key belongs to shard ${shardId}; send the request to ${apiHost(shardId, DOMAIN)}`,
    );
  }

  private read(authorization: string) {
    const [user = ''] = Buffer.from(authorization.slice('basic '.length), 'base64').toString('utf8').split(':');
    try {
      return parseApiKey(user);
    } catch (error) {
      throw new Unauthorized(error instanceof InvalidApiKey ? error.message : 'the API key cannot be read');
    }
  }

  private written(secret: string): string {
    const { SHARD_ID } = this.config;
    if (!isShardId(SHARD_ID)) throw new Error('SHARD_ID was checked at start');
    return formatApiKey({ secret, shardId: SHARD_ID });
  }
}

const STOPPED: Readonly<Record<KeyStopper, string>> = {
  owner:
    'the API key has stopped, as the user who owns its account was deleted; ask the operator to give the account an owner, who can make a new one',
  maker: 'the API key has stopped, as the user who made it was deleted; ask the account’s owner for a new one',
};

// base64url would contain hyphens, which separate the shard id.
const drawSecret = () =>
  BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`)
    .toString(36)
    .padStart(50, '0');
export const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex');

const view = ({
  _id,
  name,
  last4,
  createdBy,
  createdTime,
  lastUsedTime,
  revokedTime,
  stoppedTime,
  expiresTime,
  replacedBy,
}: ApiKeyDocument) => ({
  id: _id,
  name,
  last4,
  createdBy,
  createdTime,
  lastUsedTime,
  revokedTime,
  stoppedTime,
  expiresTime,
  replacedBy,
});

const newKeyView = ({ _id, name, last4, createdTime }: ApiKeyDocument, key: string) => ({
  id: _id,
  name,
  key,
  last4,
  createdTime,
});
