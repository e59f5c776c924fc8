/**
 * The page that renders contracts, as a list of files for an app to serve. Everything comes from the app itself: no
 * external host, no inline script, so that it works under a strict content security policy and without a network.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { withClientExamples } from './client-example.ts';
import { contracts, type ContractName } from './contracts.ts';

/** A file of the page: its text, or where on disk it is. */
export type DocsFile = { readonly path: string; readonly contentType: string } & (
  { readonly text: string } | { readonly file: string }
);

export interface DocsAssets {
  /** What to serve at which path; the first is the page. */
  readonly files: readonly DocsFile[];
  /** For the `content-security-policy` header of the page. Styles are inline in places: Swagger UI writes them. */
  readonly contentSecurityPolicy: string;
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The page for some contracts: `docsAssets(['clinic', 'account'])` for an app that answers both. `base` is the page's
 * path; the files are below it. Throws when swagger-ui-dist is not installed.
 */
export function docsAssets(names: readonly ContractName[], base = '/docs'): DocsAssets {
  const documents = names.map((name) => ({
    name: contracts[name].info.title,
    url: `${base}/${name}.json`,
    contract: name,
  }));
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const distributed = (name: string, contentType: string): DocsFile => {
    return { path: `${base}/${name}`, contentType, file: join(folder, name) };
  };
  return {
    contentSecurityPolicy: POLICY,
    files: [
      { path: base, contentType: HTML, text: page(base, documents[0]?.name ?? 'Caregate') },
      {
        path: `${base}/start.js`,
        contentType: JAVASCRIPT,
        text: start(documents.map(({ name, url }) => ({ name, url }))),
      },
      ...documents.map(({ contract, url }) => ({
        path: url,
        contentType: JSON_TYPE,
        text: JSON.stringify(withClientExamples(contract)),
      })),
      distributed('swagger-ui.css', 'text/css; charset=utf-8'),
      distributed('swagger-ui-bundle.js', JAVASCRIPT),
      distributed('swagger-ui-standalone-preset.js', JAVASCRIPT),
      distributed('favicon-32x32.png', 'image/png'),
    ],
  };
}

const HTML = 'text/html; charset=utf-8';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

function page(base: string, title: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <link rel="icon" type="image/png" href="${base}/favicon-32x32.png">
    <link rel="stylesheet" href="${base}/swagger-ui.css">
  </head>
  <body>
    <main id="swagger-ui"></main>
    <script src="${base}/swagger-ui-bundle.js"></script>
    <script src="${base}/swagger-ui-standalone-preset.js"></script>
    <script src="${base}/start.js"></script>
  </body>
</html>
`;
}

function start(urls: readonly { readonly name: string; readonly url: string }[]): string {
  return `SwaggerUIBundle({
  urls: ${JSON.stringify(urls)},
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'none',
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: 'StandaloneLayout',
});
`;
}
