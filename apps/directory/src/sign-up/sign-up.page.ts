import { randomUUID } from 'node:crypto';
import handlebars from 'handlebars';
import type { Region } from '../shards/shards-file.ts';
import type { Faults, Filled } from './sign-up.form.ts';

// Handlebars escapes what it puts in; nothing here is put in unescaped.
const page = (title: string, body: string) =>
  handlebars.compile(
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/sign-up/page.css">
</head>
<body>
<header><a href="/sign-up">Caregate</a></header>
<main>
${body}
</main>
</body>
</html>
`,
    { strict: false },
  );

const textField = (field: string, label: string, attributes: string, hint = '') => `
<div class="field">
  <label for="${field}">${label}</label>
  ${hint && `<p class="hint" id="${field}-hint">${hint}</p>`}
  <input id="${field}" name="${field}" required ${attributes}
    aria-describedby="{{#if faults.${field}}}${field}-fault {{/if}}${hint && `${field}-hint`}"{{#if faults.${field}}} aria-invalid="true"{{/if}}>
  {{#if faults.${field}}}<p class="fault" id="${field}-fault">{{faults.${field}}}</p>{{/if}}
</div>`;

const signUp = page(
  '{{#if summary}}Not yet: {{/if}}Sign up – Caregate',
  `<h1>Sign up</h1>
{{#if summary}}<div class="summary" role="alert" tabindex="-1" autofocus><p>{{summary}}</p></div>{{/if}}
<form method="post" action="/sign-up" novalidate>
<input type="hidden" name="key" value="{{filled.key}}">
${textField('name', 'Name of your practice', 'value="{{filled.name}}" maxlength="256" autocomplete="organization"')}
<fieldset{{#if faults.region}} aria-describedby="region-fault"{{/if}}>
  <legend>Where your data will live</legend>
  {{#each regions}}
  <div class="choice">
    <input type="radio" id="region-{{id}}" name="region" value="{{id}}" required{{#if chosen}} checked{{/if}} aria-describedby="region-{{id}}-hint">
    <label for="region-{{id}}">{{name}}</label>
    <p class="hint" id="region-{{id}}-hint">{{description}}</p>
  </div>
  {{/each}}
  {{#if faults.region}}<p class="fault" id="region-fault">{{faults.region}}</p>{{/if}}
</fieldset>
${textField(
  'subdomain',
  'Subdomain',
  'value="{{filled.subdomain}}" maxlength="63" autocomplete="off" autocapitalize="none" spellcheck="false"',
  'Your address begins with it. Letters from a to z, digits and hyphens, such as good-healthy-times.',
)}
<p id="availability" role="status"></p>
${textField('fullName', 'Your name', 'value="{{filled.fullName}}" maxlength="256" autocomplete="name"')}
${textField('email', 'Your email', 'type="email" value="{{filled.email}}" maxlength="254" autocomplete="email" autocapitalize="none" spellcheck="false"')}
${textField('password', 'Password', 'type="password" minlength="8" maxlength="256" autocomplete="new-password"', 'At least 8 characters.')}
<button type="submit">Sign up</button>
</form>
<script src="/sign-up/page.js" defer></script>`,
);

const welcome = page(
  'Your account – Caregate',
  `<h1>Your account is {{#if active}}ready{{else}}being set up{{/if}}</h1>
<p>{{region.description}}</p>
<dl>
  <dt>Your address</dt><dd><a href="{{urls.account}}" id="account-url">{{urls.account}}</a></dd>
  <dt>The API of your account</dt><dd id="api-url">{{urls.api}}</dd>
</dl>
{{#unless active}}<p>This takes a moment. The address works as soon as it is done; there is nothing more to do.</p>{{/unless}}
<p>Keep this address: your account is reached under it and no other.</p>`,
);

/** The form, with what was filled in (save the password) and what is wrong with it. */
export function signUpPage(regions: readonly Region[], filled: Filled, faults: Faults = {}, summary?: string): string {
  const { password: _password, ...kept } = filled;
  const choices = regions.map((region) => ({ ...region, chosen: region.id === filled.region }));
  return signUp({ regions: choices, filled: { ...kept, key: filled.key ?? randomUUID() }, faults, summary });
}

/** What a person needs to know once their account is there. */
export function welcomePage(
  account: { state: string; urls: { account: string; api: string } },
  region: Region | undefined,
): string {
  return welcome({ active: account.state === 'active', urls: account.urls, region });
}
