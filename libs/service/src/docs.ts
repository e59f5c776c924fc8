import { readFile } from 'node:fs/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ContractName } from '@caregate/contracts';
import { docsAssets, type DocsFile } from '@caregate/contracts/docs';

/** Serves the page that renders an app's contracts at `/docs`, for whoever may reach the app: it says nothing about anyone. */
export function serveDocs(app: NestFastifyApplication, contracts: readonly ContractName[]): void {
  const { files, contentSecurityPolicy } = docsAssets(contracts);
  const fastify = app.getHttpAdapter().getInstance();
  for (const asset of files) {
    const content = readOnce(asset);
    fastify.get(asset.path, async (_request, reply) =>
      reply
        .header('content-type', asset.contentType)
        .header('content-security-policy', contentSecurityPolicy)
        .header('x-content-type-options', 'nosniff')
        .send(await content()),
    );
  }
}

/** All answers share the bytes: whoever takes them slowly holds none of their own. */
function readOnce(asset: DocsFile): () => Promise<Buffer> | string {
  if ('text' in asset) return () => asset.text;
  let read: Promise<Buffer> | undefined;
  return () => (read ??= readFile(asset.file));
}
