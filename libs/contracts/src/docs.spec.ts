import { existsSync } from 'node:fs';
import { docsAssets } from './docs.ts';

const { files, contentSecurityPolicy } = docsAssets(['clinic', 'account'], '/docs');
const textOf = (path: string) => {
  const found = files.find((file) => file.path === path);
  if (found === undefined || !('text' in found)) throw new Error(`no text at ${path}`);
  return found.text;
};

describe('the page of the contracts', () => {
  it('loads nothing but what is served with it', () => {
    const linked = [...textOf('/docs').matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link);
    expect(linked).toHaveLength(5);
    for (const link of linked) expect(files.map(({ path }) => path)).toContain(link);
  });

  it('has no script in its text, so that the policy need not allow any', () => {
    expect(textOf('/docs')).not.toMatch(/<script(?! src=)/);
    expect(contentSecurityPolicy).toContain("script-src 'self';");
    expect(textOf('/docs/start.js')).toContain('validatorUrl: null');
  });

  it('shows each contract', () => {
    for (const name of ['clinic', 'account']) {
      expect(textOf('/docs/start.js')).toContain(`/docs/${name}.json`);
      expect(JSON.parse(textOf(`/docs/${name}.json`))).toHaveProperty('openapi', '3.0.3');
    }
  });

  it('finds the files of Swagger UI', () => {
    const onDisk = files.flatMap((file) => ('file' in file ? [file.file] : []));
    expect(onDisk).toHaveLength(4);
    expect(onDisk.filter((file) => !existsSync(file))).toEqual([]);
  });
});
