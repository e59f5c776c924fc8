import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const PACKAGES = ['contracts', 'shard', 'client'];
/** What these packages need of others, which a registry would bring. */
const OTHERS = ['openapi-fetch', 'openapi-typescript-helpers', 'ajv', 'ajv-formats'];

/** A folder of an integrator, with the packages as `npm pack` makes them. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caregate-packages-'));
  const modules = join(folder, 'node_modules');
  for (const name of PACKAGES) {
    const place = join(modules, '@caregate', name);
    await mkdir(place, { recursive: true });
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}` };
    await run(process.execPath, [join(root, 'tools/build/build-lib.mjs')], { cwd: join(root, 'libs', name), env });
    await run('npm', ['pack', '--silent', join(root, 'dist/libs', name)], { cwd: folder });
    await run('tar', ['xzf', `caregate-${name}-0.1.0.tgz`, '--strip-components=1', '-C', place], { cwd: folder });
  }
  for (const name of OTHERS) await symlink(join(root, 'node_modules', name), join(modules, name));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'use.ts'), PROGRAM);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const PROGRAM = `
import { CaregateClient, type MovedEvent } from '@caregate/client';
import { apiUrl, parseApiKey, type ShardId, shardOf } from '@caregate/shard';

const client = new CaregateClient({
  apiKey: 'MS0xLWl4SzYY-uk1',
  contact: 'Your name (integrations@example.com)',
  fetch: async (url) => Response.json({ fullName: String(url) }),
});
client.onMoved((moved: MovedEvent) => console.log(moved.to));
const { data } = await client.api.GET('/v1/clinics/{clinicId}/patients/{patientId}', {
  params: { path: { clinicId: 'c', patientId: 'p' } },
});
const asked: string | undefined = data?.fullName;
const shard: ShardId = shardOf(parseApiKey('MS0xLWl4SzYY'));
console.log(asked, apiUrl(shard, 'x.test'));
// @ts-expect-error the contract has no such operation
void client.api.GET('/v1/nothing').catch(() => undefined);
`;

test.each(['shard', 'client'])(
  '%s is packed with its code, its types, its README and its licence, and nothing else',
  async (name) => {
    const files = await readdir(join(folder, 'node_modules/@caregate', name));
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json', 'index.js', 'index.d.ts']));
    expect(files.filter((file) => !/^(README\.md|LICENSE|package\.json|[\w-]+\.js|[\w-]+\.d\.ts)$/.test(file))).toEqual(
      [],
    );
  },
);

test.each(PACKAGES)('%s brings nothing that only a server of the page of its contracts needs', async (name) => {
  const manifest: unknown = JSON.parse(
    await readFile(join(folder, 'node_modules/@caregate', name, 'package.json'), 'utf8'),
  );
  const { dependencies = {} } = manifest as { dependencies?: Record<string, string> }; // as npm wants it
  const ours = PACKAGES.map((each) => `@caregate/${each}`);
  expect([...OTHERS, ...ours]).toEqual(expect.arrayContaining(Object.keys(dependencies)));
});

test.each([
  ['Node', ['--module', 'nodenext']],
  ['a bundler', ['--module', 'esnext', '--moduleResolution', 'bundler']],
])('both are typed as %s resolves them, and run as ES modules', async (_who, resolution) => {
  const lib = ['--strict', '--target', 'es2023', '--lib', 'es2023,dom,dom.iterable'];
  await run(bin('tsc'), [...lib, ...resolution, 'use.ts'], { cwd: folder });
  const { stdout } = await run(process.execPath, ['use.js'], { cwd: folder });
  expect(stdout).toBe('https://api.uk1.caregate.example/v1/clinics/c/patients/p https://api.au1.x.test\n');
});
