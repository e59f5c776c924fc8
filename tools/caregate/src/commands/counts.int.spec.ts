import { jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import mongoose, { type Connection, Types } from 'mongoose';
import { caregate } from '../caregate.ts';

const clinicId = new Types.ObjectId();
const tag = new Types.ObjectId();
let connection: Connection;
let said = '';
let complained = '';

beforeAll(async () => {
  const server = new URL(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017');
  server.pathname = `/counts_${randomBytes(4).toString('hex')}`;
  process.env['MONGODB_URI'] = server.href;
  connection = await mongoose.createConnection(server.href).asPromise();
  await connection.collection('clinics').insertOne({ _id: clinicId, name: 'Harbour' });
  await connection
    .collection('patients')
    .insertMany(
      ['1', '2', '3'].map((n) => ({ clinicId, userId: `000000000${n}`, tags: n === '1' ? [tag] : [], sites: [] })),
    );
  await connection.createCollection('patient_sheets');
});

afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

beforeEach(() => {
  said = complained = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((complained += text)));
});
afterEach(() => jest.restoreAllMocks());

it('reports each figure that has drifted and fails', async () => {
  expect(await caregate(['counts', 'check'])).toBe(1);
  expect(said).toContain(`${clinicId.toHexString()}  total: kept 0, counted 3`);
  expect(said).toContain(`tags.${tag.toHexString()}: kept 0, counted 1`);
  expect(complained).toContain('counts have drifted');
});

it('reports them for programs, too', async () => {
  expect(await caregate(['counts', 'check', '--json'])).toBe(1);
  const lines = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(lines).toContainEqual({ clinicId: clinicId.toHexString(), figure: 'total', kept: 0, counted: 3 });
});

it('repairs them, and then finds nothing', async () => {
  expect(await caregate(['counts', 'repair', clinicId.toHexString()])).toBe(0);
  expect(await caregate(['counts', 'check'])).toBe(0);
  expect(said).toContain('1 recounted, 0 figures to mend');
});

it('refuses what is no clinic id', async () => {
  expect(await caregate(['counts', 'check', 'Harbour'])).toBe(1);
  expect(complained).toContain('"Harbour" is no clinic id');
});
