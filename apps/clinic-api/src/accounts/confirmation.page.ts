import { htmlPage } from '@caregate/service';

const form = htmlPage(
  '{{#if fault}}Not yet: {{/if}}Confirm your account – Caregate',
  `<h1>Confirm your account</h1>
<p>The account <strong>{{host}}</strong> was signed up with your address. Confirm it, and the account is yours.</p>
<form method="post" novalidate>
{{#if withPassword}}
<div class="field">
  <label for="password">Your password</label>
  <p class="hint" id="password-hint">Do you sign in here with this address already? Then it is the password that you have. Otherwise it is the one that you chose when you signed up.</p>
  <input id="password" name="password" type="password" required maxlength="256" autocomplete="current-password"
    aria-describedby="{{#if fault}}password-fault {{/if}}password-hint"{{#if fault}} aria-invalid="true" autofocus{{/if}}>
  {{#if fault}}<p class="fault" id="password-fault" role="alert">{{fault}}</p>{{/if}}
</div>
{{else}}
{{#if fault}}<p class="fault" role="alert">{{fault}}</p>{{/if}}
{{/if}}
<button type="submit">Confirm</button>
</form>
<p>You did not sign up? Then close this page: nothing happens.</p>`,
);

const done = htmlPage(
  'Your account – Caregate',
  `<h1>Your account is confirmed</h1>
<p>The account <strong id="account-host">{{host}}</strong> is yours. Sign in there with your address and your password.</p>`,
);

const expired = htmlPage(
  'This link is too old – Caregate',
  `<h1>This link is too old</h1>
<p>Nobody confirmed the account within two days, so it is gone. Sign up again, and you get another link.</p>`,
);

const wrong = htmlPage(
  'This link is not right – Caregate',
  `<h1>This link is not right</h1>
<p>A part of it may be missing. Open it once more from the mail, whole; or sign up again, and you get another.</p>`,
);

/** @param withPassword whether the shard itself knows passwords */
export const confirmationForm = (of: { host: string; withPassword: boolean; fault?: string }) => form(of);
export const confirmedPage = (host: string) => done({ host });
export const expiredPage = () => expired({});
export const wrongLinkPage = () => wrong({});
