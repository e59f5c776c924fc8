import { randomBytes } from 'node:crypto';
import { createConnection } from 'mongoose';
import { LARGEST_DOCUMENT, limitDocuments } from './document-limit.ts';
import { toCaregateError } from './error-filter.ts';

const { MONGODB_URI } = process.env;
const describeWithMongo = MONGODB_URI ? describe : describe.skip;

describeWithMongo('documents, in a real MongoDB', () => {
  const connection = createConnection();
  const things = () => connection.collection<{ _id: string; list?: string[]; name?: string }>('things');
  const large = 'x'.repeat(LARGEST_DOCUMENT);

  beforeAll(async () => {
    const uri = new URL(MONGODB_URI ?? '');
    uri.pathname = `/limit_${randomBytes(4).toString('hex')}`;
    await connection.openUri(uri.href);
    await things().insertOne({ _id: 'old', name: large });
    await limitDocuments(connection, ['things', 'not-there']);
    await limitDocuments(connection, ['things']);
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  const refused = (write: Promise<unknown>) =>
    expect(write.catch((error: unknown) => Promise.reject(toCaregateError(error)))).rejects.toMatchObject({
      status: 413,
      message: expect.stringMatching(/^the record would be larger than 2 MiB/),
    });

  it('cannot be larger than the limit, whether they come so or grow: 413', async () => {
    await refused(things().insertOne({ _id: 'new', name: large }));
    await refused(things().insertMany([{ _id: 'many', name: large }]));
    await things().insertOne({ _id: 'grows', list: [] });
    const add = () => things().updateOne({ _id: 'grows' }, { $push: { list: 'x'.repeat(LARGEST_DOCUMENT / 4) } });
    for (let n = 0; n < 3; n++) await add();
    await refused(add());
    expect((await things().findOne({ _id: 'grows' }))?.list).toHaveLength(3);
  });

  it('that are larger already can still be changed', async () => {
    await things().updateOne({ _id: 'old' }, { $set: { list: ['a'] } });
    expect((await things().findOne({ _id: 'old' }))?.list).toEqual(['a']);
  });
});
