import { readFileSync } from 'node:fs';
import * as shard from './index.ts';

// The two code examples of the source "Sharding", as an integrator would write them with this lib: run as they stand in the README.
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);

/** Runs an example with this lib in the place of its import, and gives back the function that it exports. */
function exampleCalled(name: string, surroundings: Record<string, unknown>): (...args: unknown[]) => Promise<unknown> {
  const code = examples.find((example) => example.includes(`function ${name}(`)) ?? '';
  const imported = /^import \{ (.*) \} from '@caregate\/shard';$/m.exec(code);
  const body = code
    .replace(imported?.[0] ?? '', `const { ${imported?.[1]} } = shard;`)
    .replace('export async', 'async');
  // The example is text of our own README; to run it is the point.
  return new Function('shard', ...Object.keys(surroundings), `${body}; return ${name};`)(
    shard,
    ...Object.values(surroundings),
  );
}

test.each([
  ['MS0xLWl4SzYY-uk1', { accountId: 7, apiKey: 'MS0xLWl4SzYY', shardId: 'uk1' }],
  ['MS0xLWl4SzYY', { accountId: 7, apiKey: 'MS0xLWl4SzYY', shardId: 'au1' }],
])('saving the API key %s', async (input, expected) => {
  const saved: unknown[] = [];
  await exampleCalled('saveApiKey', { integrations: { save: async (record: unknown) => saved.push(record) } })(
    input,
    7,
  );
  expect(saved).toEqual([expected]);
});

test('saving what is no API key', async () => {
  const saveApiKey = exampleCalled('saveApiKey', { integrations: {} });
  await expect(saveApiKey('MS0x-LWl4SzYY-uk1', 7)).rejects.toThrow(shard.InvalidApiKey);
});

test.each([
  [
    { apiKey: 'MS0xLWl4SzYY', shardId: 'ca1' },
    'https://api.ca1.caregate.example/v1/clinics/c/patients/p',
    'MS0xLWl4SzYY-ca1:',
  ],
  [{ apiKey: 'MS0xLWl4SzYY' }, 'https://api.au1.caregate.example/v1/clinics/c/patients/p', 'MS0xLWl4SzYY-au1:'],
])('using an API key: %j', async (integration, address, credentials) => {
  const sent: [string, { headers: Record<string, string> }][] = [];
  const fetch = async (...request: (typeof sent)[number]) => {
    sent.push(request);
    return { json: async () => ({ id: 'p' }) };
  };
  const requestPatient = exampleCalled('requestPatient', { integrations: { findOne: async () => integration }, fetch });
  expect(await requestPatient('c', 'p', 7)).toEqual({ id: 'p' });
  expect(sent[0]?.[0]).toBe(address);
  expect(sent[0]?.[1].headers['authorization']).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`);
});
