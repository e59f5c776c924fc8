/**
 * The one layout of all emails. A single column that fills a phone and stops at 600 px; styles inline, because mail programs drop
 * style sheets; the button is a padded link, at least 44 px high, that works without images and in dark mode.
 */
export const htmlLayout = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>{{subject}}</title>
</head>
<body style="margin:0;padding:0;background:#f3f5f7;-webkit-text-size-adjust:100%">
<div style="display:none;max-height:0;overflow:hidden">{{preview}}</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f5f7">
<tr><td align="center" style="padding:16px 8px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px;background:#ffffff;border-radius:8px">
<tr><td style="padding:24px 24px 0;font:600 18px/1.3 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#14532d">Caregate</td></tr>
<tr><td style="padding:8px 24px 24px;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#1f2933;overflow-wrap:anywhere">
{{#each paragraphs}}
<p style="margin:16px 0 0">{{this}}</p>
{{/each}}
{{#if action}}
<p style="margin:24px 0 0"><a href="{{action.link}}" style="display:inline-block;padding:12px 20px;min-height:20px;background:#166534;color:#ffffff;border-radius:6px;text-decoration:none;font-weight:600">{{action.label}}</a></p>
<p style="margin:16px 0 0;font-size:14px;color:#52606d">If the button does not work, open this address: {{action.link}}</p>
{{/if}}
</td></tr>
</table>
<p style="max-width:600px;margin:16px auto 0;padding:0 16px;font:13px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#52606d">{{because}}</p>
</td></tr>
</table>
</body>
</html>
`;

/** The same as plain text, for readers that want or show no HTML. */
export const textLayout = `{{#each paragraphs}}
{{this}}

{{/each}}
{{#if action}}
{{action.label}}:
{{action.link}}

{{/if}}
--
Caregate. {{because}}
`;
