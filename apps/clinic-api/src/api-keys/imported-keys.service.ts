import { Inject, Injectable } from '@nestjs/common';
import { type AccountDocument, type ApiKeyDocument, newObjectId } from '@caregate/clinic-model';
import { CONFIG, Conflict, LOGGER, type Logger, NotFound, Unauthorized, Unprocessable } from '@caregate/service';
import { DEFAULT_SHARD, InvalidApiKey, parseApiKey } from '@caregate/shard';
import type { FastifyRequest } from 'fastify';
import { AccountsRepository } from '../accounts/accounts.repository.ts';
import { concernsAccounts } from '../audit/concerns.ts';
import type { ClinicApiConfig } from '../config.ts';
import { AccountStandings } from '../moves/account-standings.service.ts';
import { ApiKeysRepository } from './api-keys.repository.ts';
import { hashOf } from './api-keys.service.ts';

export interface KeyImport {
  readonly subdomain: string;
  readonly keys: readonly ImportedKey[];
}

export interface ImportedKey {
  readonly key: string;
  readonly name?: string;
}

type Outcome = 'imported' | 'present' | { readonly reason: string };

/** Shorter ones could be guessed: their hashes are quick to make. */
const SHORTEST_SECRET = 12;
const LONGEST_NAME = 256;
const NAME_UNLESS_GIVEN = 'Imported key';

/** Keys that were given out before there were shards. They all belong to `au1` (source "Sharding", section "Older API keys"). */
@Injectable()
export class ImportedKeysService {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly accounts: AccountsRepository,
    private readonly standings: AccountStandings,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Can be repeated. A key acts for the account's owner, as nobody knows any more who made it.
   * @throws {Conflict} on any shard but `au1`
   */
  async bring({ subdomain, keys }: KeyImport, request: FastifyRequest) {
    const account = await this.accountHere(subdomain);
    if (request.caller.kind !== 'directory' || request.caller.accountId !== account._id)
      throw new Unauthorized('this token of the directory is for another account');
    concernsAccounts([account._id]);
    const outcomes: Outcome[] = [];
    await this.standings.write(request, account._id, async () => {
      for (const each of keys) outcomes.push(await this.bringOne(account, each));
    });
    const count = (wanted: Outcome) => outcomes.filter((outcome) => outcome === wanted).length;
    const result = {
      imported: count('imported'),
      present: count('present'),
      refused: outcomes.flatMap((outcome, index) => (typeof outcome === 'object' ? [{ index, ...outcome }] : [])),
    };
    const { imported, present, refused } = result;
    this.logger.info({ accountId: account._id, imported, present, refused: refused.length }, 'API keys were imported');
    return result;
  }

  private async accountHere(subdomain: string): Promise<AccountDocument> {
    const { SHARD_ID } = this.config;
    if (SHARD_ID !== DEFAULT_SHARD)
      throw new Conflict(
        `keys of the time before shards belong to ${DEFAULT_SHARD}, and this is ${SHARD_ID}; import them there, also those of an account that is to move`,
      );
    const account = await this.accounts.bySubdomain(subdomain);
    if (!account) throw new NotFound('there is no account with this subdomain on this shard');
    if (account.moved)
      throw new Unprocessable(
        `the account has moved to shard ${account.moved.shard}; keys can be imported only while it lives on ${DEFAULT_SHARD}`,
      );
    if (account.ownerDeletedTime)
      throw new Unprocessable(
        'the user who owned the account was deleted, and keys act for its owner; give it another',
      );
    return account;
  }

  private async bringOne(account: AccountDocument, { key, name = '' }: ImportedKey): Promise<Outcome> {
    const secret = secretOf(key);
    if (typeof secret === 'object') return secret;
    if (name.length > LONGEST_NAME) return { reason: `the name has more than ${LONGEST_NAME} characters` };
    const document: ApiKeyDocument = {
      _id: newObjectId().toHexString(),
      accountId: account._id,
      name: name.trim() || NAME_UNLESS_GIVEN,
      secretHash: hashOf(secret),
      last4: secret.slice(-4),
      createdBy: account.ownerUserId,
      createdTime: new Date(),
    };
    if (await this.keys.insertNew(document)) return 'imported';
    const holder = await this.keys.bySecret(document.secretHash);
    return holder?.accountId === account._id ? 'present' : { reason: 'the API key belongs to another account already' };
  }
}

/** The secret of a key as its owner has it, or why it cannot be taken. No reason repeats any of it. */
export function secretOf(key: string): string | { reason: string } {
  try {
    const { secret, shardId = DEFAULT_SHARD } = parseApiKey(key);
    if (shardId !== DEFAULT_SHARD)
      return {
        reason: `the API key names shard ${shardId}; keys of the time before shards have no suffix, or -${DEFAULT_SHARD}`,
      };
    if (secret.length < SHORTEST_SECRET)
      return { reason: `the API key has less than ${SHORTEST_SECRET} characters, so it could be guessed` };
    return secret;
  } catch (error) {
    if (error instanceof InvalidApiKey) return { reason: error.message };
    throw error;
  }
}
