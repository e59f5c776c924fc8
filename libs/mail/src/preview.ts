import Handlebars from 'handlebars';
import type { RenderedMail } from './template.ts';
import { allTemplates } from './templates/index.ts';

/** All emails, rendered with sample data. */
export function renderPreview(): ({ readonly name: string } & RenderedMail)[] {
  return allTemplates.map(({ name, render }) => ({ name, ...render() }));
}

/** One page that shows all emails as a phone and as a plain-text reader would. */
export function previewPage(): string {
  return page({ mails: renderPreview() });
}

const page = Handlebars.compile(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Emails of Caregate</title>
<style>body{font:16px/1.5 sans-serif;margin:2rem}section{display:flex;flex-wrap:wrap;gap:1rem;margin-bottom:3rem}iframe{border:1px solid #ccc}pre{white-space:pre-wrap;max-width:40rem;background:#f3f5f7;padding:1rem}</style></head>
<body><h1>Emails of Caregate</h1>
{{#each mails}}<h2 id="{{name}}">{{name}}</h2><p>{{subject}}</p><section><iframe title="{{name}} on a phone" width="375" height="560" srcdoc="{{html}}"></iframe><pre>{{text}}</pre></section>
{{/each}}</body></html>
`);
