import { randomUUID } from 'node:crypto';
import { type AccountClient, contracts, createAccountClient, operations } from '@caregate/contracts';
import {
  newDirectoryKey,
  readSigningKey,
  signDirectoryToken,
  type DirectoryGrant,
} from '@caregate/identity/directory-token';

const pair = newDirectoryKey();
const key = readSigningKey(pair.privateKey);

/** What a shard is told of the directory of these tests. */
export const DIRECTORY_PUBLIC_KEYS = pair.publicKey;

/** The header by which the directory of these tests asks a shard for one thing. */
export async function directoryHeader(grant: DirectoryGrant, shard = 'au1'): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await signDirectoryToken(key, shard, grant)}` };
}

/** Asks a shard as the directory: each request is signed for what it asks. Exports are those of the one move given. */
export function asDirectory(
  baseUrl: string,
  { shard = 'au1', accountId = '', moveId = randomUUID(), claim = 1 } = {},
): AccountClient {
  const client = createAccountClient({ baseUrl });
  client.use({
    async onRequest({ request, schemaPath, params }) {
      const method = request.method.toLowerCase();
      const operation = operations(contracts.account).find(
        (each) => each.path === schemaPath && each.method === method,
      );
      const text = method === 'get' ? '' : await request.clone().text();
      const body: { moveId?: string } = text === '' ? {} : JSON.parse(text);
      const { authorization } = await directoryHeader(
        {
          operationId: operation?.operationId ?? 'none',
          accountId: String(params.path?.['accountId'] ?? accountId),
          moveId: body.moveId ?? new URL(request.url).searchParams.get('moveId') ?? moveId,
          claim,
        },
        shard,
      );
      request.headers.set('authorization', authorization);
    },
  });
  return client;
}
