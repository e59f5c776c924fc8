import { LinkSecrets } from '@caregate/identity/link-secrets';
import type { Shard } from '@caregate/stack';
import { type Answer, call } from './http.ts';
import { mailTo } from './mailbox.ts';

/** Confirms a new account as its owner does: by the link in their mail, and the password of the sign-up. */
export async function confirmByMail(
  mailWebUrl: string,
  host: string,
  owner: Owner,
): Promise<Answer & { link: string }> {
  const { text } = await mailTo(mailWebUrl, owner.email, /Confirm your address/, host);
  const [link = ''] = /https?:\/\/\S+\/sign-up\/\S+/.exec(text) ?? [];
  return { ...(await submit(link, owner.password)), link };
}

/** The same where no worker runs that would mail: with the link that it would mail. Gives the account back. */
export async function confirmed<T extends { readonly accountId: string }>(
  shard: Shard,
  account: T,
  password: string,
): Promise<T> {
  const secrets = new LinkSecrets(shard.id, [shard.api.env['IDENTITY_SECRET'] ?? '']);
  const { accountId } = account;
  const answer = await submit(
    `${shard.api.url}/sign-up/${accountId}/${secrets.secretOf('sign-up', accountId)}`,
    password,
  );
  if (answer.status !== 200) throw new Error(`the account was not confirmed: ${answer.status}`);
  return account;
}

interface Owner {
  readonly email: string;
  readonly password: string;
}

const submit = (url: string, password: string) =>
  call({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ password }),
  });
