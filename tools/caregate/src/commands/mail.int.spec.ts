import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mongoose, { type Connection } from 'mongoose';

const run = promisify(execFile);
let connection: Connection;
const before = process.env['MONGODB_URI'];

beforeAll(async () => {
  const uri = new URL(before ?? 'mongodb://127.0.0.1:1');
  uri.pathname = `/mail_${randomBytes(4).toString('hex')}`;
  process.env['MONGODB_URI'] = uri.href;
  connection = await mongoose.createConnection(uri.href).asPromise();
});
afterAll(async () => {
  process.env['MONGODB_URI'] = before;
  await connection.dropDatabase();
  await connection.close();
});

/** What a command says, run as an operator runs it. */
async function said(...command: string[]): Promise<string> {
  const program = join(import.meta.dirname, '../main.ts');
  return (await run(process.execPath, [program, ...command], { env: { ...process.env } })).stdout;
}

test('emails that were refused for good are listed with their reason, newest first', async () => {
  expect(await said('mail', 'given-up')).toBe('No email was given up.\n');
  const delivery = (n: number, state: string) => ({
    ...{
      _id: `clinic_created:${n}`,
      template: 'clinic_created',
      clinicId: String(n),
      userId: 'a000000001',
      state,
      attempts: 1,
    },
    ...{ messageId: '<m@x>', reason: 'EENVELOPE RCPT TO 550', createdTime: new Date(n), endedTime: new Date(n) },
  });
  await connection
    .collection<{ _id: string }>('mail_deliveries')
    .insertMany([delivery(1, 'given_up'), delivery(2, 'sent'), delivery(3, 'given_up')]);
  const lines = (await said('mail', 'given-up')).trim().split('\n');
  expect(lines).toEqual([
    '1970-01-01T00:00:00.003Z  clinic_created  user a000000001  clinic 3  1 attempts  EENVELOPE RCPT TO 550',
    expect.stringContaining('clinic 1'),
  ]);
  expect(JSON.parse(await said('mail', 'given-up', '--limit', '1', '--json'))).toMatchObject({
    id: 'clinic_created:3',
  });
});
