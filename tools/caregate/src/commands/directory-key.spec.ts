import { jest } from '@jest/globals';
import {
  readDirectoryToken,
  readSigningKey,
  readVerificationKeys,
  signDirectoryToken,
} from '@caregate/identity/directory-token';
import { caregate } from '../caregate.ts';

let said = '';
beforeEach(() => {
  said = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
});
afterEach(() => jest.restoreAllMocks());

const settingIn = (name: string) => new RegExp(`^${name}='(.+)'$`, 'm').exec(said)?.[1] ?? '';

test('prints both settings: what the first signs the second knows', async () => {
  expect(await caregate(['directory-key', 'generate'])).toBe(0);
  const grant = { operationId: 'ProvisionAccount', accountId: 'an-account' };
  const token = await signDirectoryToken(readSigningKey(settingIn('DIRECTORY_SIGNING_KEY')), 'au1', grant);
  const keys = readVerificationKeys(settingIn('DIRECTORY_PUBLIC_KEYS'));
  expect(await readDirectoryToken(keys, 'au1', token)).toEqual(grant);
});

test('makes another pair each time, also as JSON', async () => {
  await caregate(['directory-key', 'generate', '--json']);
  const first: { id: string; privateKey: string } = JSON.parse(said);
  said = '';
  await caregate(['directory-key', 'generate', '--json']);
  expect(JSON.parse(said)).not.toEqual(first);
  expect(readSigningKey(first.privateKey).id).toBe(first.id);
});

test.each([
  ['directory-key', '--help'],
  ['directory-key', 'generate', '--help'],
])('%s %s says how to change keys', async (...args) => {
  expect(await caregate(args)).toBe(0);
  expect(said).toMatch(/beside the old one[\s\S]*new DIRECTORY_SIGNING_KEY[\s\S]*take the old public key out/);
});
