import { call } from '@caregate/demo';
import type { Servers } from '@caregate/stack';
import { MongoClient } from 'mongodb';

/** Servers that were given go on without a test's connectors and databases: all whose names begin with its prefix. */
export async function leaveNothing(servers: Servers, prefix: string): Promise<void> {
  const { body } = await call({ url: `${servers.connectUrl}/connectors` });
  for (const name of (body as string[]).filter((each) => each.startsWith(prefix))) {
    await call({ method: 'DELETE', url: `${servers.connectUrl}/connectors/${name}` });
  }
  await leaveNoDatabases(servers, prefix);
}

/** For tests without Connect. */
export async function leaveNoDatabases({ mongodbUri }: Servers, prefix: string): Promise<void> {
  const mongo = await MongoClient.connect(mongodbUri);
  const { databases } = await mongo.db().admin().listDatabases();
  for (const { name } of databases.filter((each) => each.name.startsWith(prefix))) await mongo.db(name).dropDatabase();
  await mongo.close();
}
