import { randomBytes } from 'node:crypto';
import { createConnection } from 'mongoose';
import { USER_EVENTS, UserEvents } from './user-events.ts';

const { MONGODB_URI } = process.env;
const describeWithMongo = MONGODB_URI ? describe : describe.skip;

describeWithMongo('what happened to users', () => {
  it('is kept for 28 days, also where an earlier version kept it for a week', async () => {
    const uri = new URL(MONGODB_URI ?? '');
    uri.pathname = `/t${randomBytes(5).toString('hex')}`;
    const connection = await createConnection(uri.href).asPromise();
    try {
      const events = connection.collection(USER_EVENTS);
      await events.createIndex({ createdTime: 1 }, { expireAfterSeconds: 7 * 86_400 });
      await Promise.all([UserEvents.prepare(connection), UserEvents.prepare(connection)]);
      await UserEvents.prepare(connection);
      const expiring = (await events.indexes()).flatMap(({ expireAfterSeconds }) => expireAfterSeconds ?? []);
      expect(expiring).toEqual([28 * 86_400]);
    } finally {
      await connection.dropDatabase();
      await connection.close();
    }
  });
});
