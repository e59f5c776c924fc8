import { randomUUID } from 'node:crypto';
import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, type TestUser } from './harness.ts';

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
  answered(await harness.directory().PUT('/caregate/v1/accounts/{accountId}', { params: { path }, body }));
  await confirmAccount(harness, accountId);
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

/** Opens the mailed link of a new account and confirms it, as its owner does. */
export async function confirmAccount(harness: Harness, accountId: string, password = ''): Promise<void> {
  const { status } = await sendConfirmation(
    harness,
    accountId,
    harness.mailedSecrets.secretOf('sign-up', accountId),
    password,
  );
  if (status !== 200) throw new Error(`the account was not confirmed: ${status}`);
}

export const sendConfirmation = (harness: Harness, accountId: string, secret = '', password = '') =>
  harness.send(`/sign-up/${accountId}/${secret}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ password }).toString(),
  });

/** Of a password that nobody uses: the identity service of the tests has no passwords. */
const PASSWORD_HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'c2FsdA'.repeat(3)}$${'aGFzaA'.repeat(7)}`;
