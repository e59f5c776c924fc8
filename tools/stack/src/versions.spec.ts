import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workspace } from './places.ts';
import { oldestNode } from './versions.ts';

test('package.json asks for the Node.js that the tests run on, or a newer one', async () => {
  const { engines } = JSON.parse(await readFile(join(workspace, 'package.json'), 'utf8'));
  expect(engines.node).toBe(`>=${oldestNode.version}`);
});
