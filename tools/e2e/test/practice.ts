import { call, session } from '@caregate/demo';
import { hashPassword, LocalIdentity } from '@caregate/identity';
import type { Shard } from '@caregate/stack';
import { createConnection } from 'mongoose';

const PASSWORD = 'correct horse battery staple';

/** A clinic and its owner, signed in, on a shard of which only the API need run. */
export interface Practice {
  readonly clinicId: string;
  readonly ownerEmail: string;
  readonly password: string;
  /** Of the owner. */
  readonly token: string;
  /** Of a back-end service. */
  readonly serviceToken: string;
}

export async function openPractice(shard: Shard, name: string): Promise<Practice> {
  const connection = await createConnection(shard.mongodbUri).asPromise();
  try {
    const secret = shard.api.env['IDENTITY_SECRET'] ?? '';
    const identity = new LocalIdentity(connection, { shardId: shard.id, secret, sessionHours: 12 });
    const ownerEmail = `${name}@owner.test`;
    await identity.createUser({
      email: ownerEmail,
      fullName: 'Olivia Owner',
      passwordHash: await hashPassword(PASSWORD),
    });
    const { token } = await identity.signIn(ownerEmail, PASSWORD, '127.0.0.1');
    const { status, body } = await call({
      method: 'POST',
      url: `${shard.api.url}/v1/clinics`,
      headers: session(token),
      body: { name, country: 'AU', preferredBgUnits: 'mmol/L' },
    });
    if (status !== 200) throw new Error(`no clinic was made: ${status} ${JSON.stringify(body)}`);
    const { id: clinicId } = body as { id: string }; // as the contract says
    return { clinicId, ownerEmail, password: PASSWORD, token, serviceToken: await identity.serviceToken(name) };
  } finally {
    await connection.close();
  }
}
