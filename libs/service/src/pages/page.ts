import type { IncomingHttpHeaders } from 'node:http';
import handlebars from 'handlebars';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Forbidden, UnsupportedMediaType } from '../errors.ts';

/** A page takes nothing from elsewhere, is shown in no frame, is kept nowhere, and its form goes nowhere else. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

/**
 * Compiles a page. Handlebars escapes what it puts in; nothing is put in unescaped.
 * @param home where our name at the top leads, if anywhere
 */
export function htmlPage(title: string, body: string, home?: string): HandlebarsTemplateDelegate {
  const name = home === undefined ? 'Caregate' : `<a href="${home}">Caregate</a>`;
  return handlebars.compile(
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/sign-up/page.css">
</head>
<body>
<header>${name}</header>
<main>
${body}
</main>
</body>
</html>
`,
    { strict: false },
  );
}

const LONGEST_FORM = 16 * 1024;

/** Takes the body of a form, as text, for a page's own route; everything else knows JSON only, and a form without anything is no body. */
export function acceptForms(app: NestFastifyApplication, route: string): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: LONGEST_FORM },
      (request, body, done) => {
        const isOfPage = request.routeOptions.url === route;
        if (!isOfPage && body === '') done(null, undefined);
        else if (!isOfPage) done(new UnsupportedMediaType('request body has an error: send it as application/json'));
        else if (isOfAnotherSite(request.headers))
          done(new Forbidden('this form was sent by a page of another site; open our page and send its form'));
        else done(null, body);
      },
    );
}

/** Browsers say where a form stood. Else whoever visits a stranger's page could sign up for the stranger, from an address of their own. */
const isOfAnotherSite = ({ 'sec-fetch-site': site = 'none' }: IncomingHttpHeaders) =>
  site !== 'none' && site !== 'same-origin';
