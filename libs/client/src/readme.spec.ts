import { readFileSync } from 'node:fs';
import * as caregate from './index.ts';

// The two code examples of the source "Sharding", as an integrator would write them with this client: run as they stand in the README.
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);

/** Runs an example with this lib in the place of its import, and gives back the function that it exports. */
function exampleCalled(name: string, surroundings: Record<string, unknown>): (...args: unknown[]) => Promise<unknown> {
  const code = examples.find((example) => example.includes(`function ${name}(`)) ?? '';
  const imported = /^import \{ (.*) \} from '@caregate\/client';$/m.exec(code);
  const body = code
    .replace(imported?.[0] ?? '', `const { ${imported?.[1]} } = caregate;`)
    .replace('export async', 'async');
  // The example is text of our own README; to run it is the point.
  return new Function('caregate', ...Object.keys(surroundings), `${body}; return ${name};`)(
    caregate,
    ...Object.values(surroundings),
  );
}

test.each([
  ['MS0xLWl4SzYY-uk1', { accountId: 7, apiKey: 'MS0xLWl4SzYY-uk1', shardId: 'uk1' }],
  ['MS0xLWl4SzYY', { accountId: 7, apiKey: 'MS0xLWl4SzYY-au1', shardId: 'au1' }],
])('saving the API key %s', async (input, expected) => {
  const saved: unknown[] = [];
  await exampleCalled('saveApiKey', { integrations: { save: async (record: unknown) => saved.push(record) } })(
    input,
    7,
  );
  expect(saved).toEqual([expected]);
});

test('using an API key, also after its account has moved', async () => {
  const asked: string[] = [];
  const saved: unknown[] = [];
  const answers = [
    new Response('{"message":"moved"}', { status: 401, headers: { 'caregate-shard': 'uk1' } }),
    new Response('{"id":"p"}', { status: 200, headers: { 'content-type': 'application/json' } }),
  ];
  const original = globalThis.fetch;
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    return answers.shift() ?? new Response(null, { status: 500 });
  };
  try {
    const integrations = {
      findOne: async () => ({ apiKey: 'secret-au1' }),
      save: async (record: unknown) => saved.push(record),
    };
    expect(await exampleCalled('requestPatient', { integrations })('c', 'p', 7)).toEqual({ id: 'p' });
  } finally {
    globalThis.fetch = original;
  }
  expect(asked).toEqual(['au1', 'uk1'].map((shard) => `https://api.${shard}.caregate.example/v1/clinics/c/patients/p`));
  expect(saved).toEqual([{ accountId: 7, apiKey: 'secret-uk1', shardId: 'uk1' }]);
});
