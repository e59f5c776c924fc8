import { randomUUID } from 'node:crypto';
import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, PROVISIONING_SECRET, type TestUser } from './harness.ts';

/** An account as the directory places it on the shard. */
export interface TestAccount {
  readonly accountId: string;
  readonly subdomain: string;
  readonly owner: TestUser & { readonly api: ClinicClient };
  /** Makes an API key as the owner. */
  newKey(): Promise<{ readonly id: string; readonly key: string }>;
  revoke(keyId: string): Promise<void>;
}

/** Provisions an account with an owner of its own. */
export async function newAccount(harness: Harness, owner = harness.newUser()): Promise<TestAccount> {
  const accountId = randomUUID();
  const subdomain = `practice-${owner.userId}`;
  const path = { accountId };
  const body = {
    subdomain,
    name: 'Practice',
    owner: { email: owner.email ?? '', fullName: 'Owner', passwordHash: PASSWORD_HASH },
  };
  answered(
    await harness
      .account({ bearer: PROVISIONING_SECRET })
      .PUT('/caregate/v1/accounts/{accountId}', { params: { path }, body }),
  );
  const asOwner = harness.account({ token: `user:${owner.userId}` });
  return {
    accountId,
    subdomain,
    owner,
    newKey: async () =>
      answered(
        await asOwner.POST('/caregate/v1/accounts/{accountId}/api_keys', { params: { path }, body: { name: 'test' } }),
      ),
    revoke: async (keyId) => {
      answered(
        await asOwner.DELETE('/caregate/v1/accounts/{accountId}/api_keys/{keyId}', {
          params: { path: { accountId, keyId } },
        }),
      );
    },
  };
}

/** Of a password that nobody uses: the identity service of the tests has no passwords. */
const PASSWORD_HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'c2FsdA'.repeat(3)}$${'aGFzaA'.repeat(7)}`;
