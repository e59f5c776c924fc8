import { randomUUID } from 'node:crypto';
import { htmlPage } from '@caregate/service';
import type { Region } from '../shards/shards-file.ts';
import type { Faults, Filled } from './sign-up.form.ts';

const page = (title: string, body: string) => htmlPage(title, body, '/sign-up');

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

const mailed = page(
  'Look into your mail – Caregate',
  `<h1>Look into your mail</h1>
<p>We have mailed you a link. Open it within two days and confirm that the address is yours: then your account is there.</p>
<p>If nothing comes, look into the folder for spam, and whether the address was right. Otherwise sign up again.</p>
<p>{{region.description}}</p>
<dl>
  <dt>The address of your account, once it is confirmed</dt><dd id="account-url">{{urls.account}}</dd>
  <dt>The API of your account</dt><dd id="api-url">{{urls.api}}</dd>
</dl>`,
);

/** The form, with what was filled in (save the password) and what is wrong with it. */
export function signUpPage(regions: readonly Region[], filled: Filled, faults: Faults = {}, summary?: string): string {
  const { password: _password, ...kept } = filled;
  const choices = regions.map((region) => ({ ...region, chosen: region.id === filled.region }));
  return signUp({ regions: choices, filled: { ...kept, key: filled.key ?? randomUUID() }, faults, summary });
}

/** The same for every address: whether it is known here is said in the mail alone. */
export function mailedPage(account: { urls: { account: string; api: string } }, region: Region | undefined): string {
  return mailed({ urls: account.urls, region });
}
