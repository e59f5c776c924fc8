/** The one look of our pages: a narrow column that fits a phone, in light and dark, with fields and buttons that a thumb hits. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --line: #8a93a0; --accent: #0b5c6b; --bad: #a3160f; --good: #1d6a2f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eceff3; --paper: #14181e; --line: #7c8794; --accent: #6fc7d6; --bad: #ff9d94; --good: #8fdba0; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }
header, main { max-width: 34rem; margin: 0 auto; padding: 1rem; }
header a { color: inherit; font-weight: 600; text-decoration: none; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1.25rem; }
.field, fieldset { margin: 0 0 1.25rem; }
fieldset { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
label, legend, dt { font-weight: 600; }
.field label { display: block; }
.field input { width: 100%; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .5rem; padding: .65rem .75rem; }
.choice { display: grid; grid-template-columns: auto 1fr; gap: 0 .75rem; align-items: center; padding: .35rem 0; }
.choice input { width: 1.4rem; height: 1.4rem; accent-color: var(--accent); }
.choice .hint { grid-column: 2; }
.hint { margin: 0 0 .25rem; font-size: .95rem; opacity: .85; }
.fault, .bad { color: var(--bad); }
.good { color: var(--good); }
.fault { margin: .25rem 0 0; font-weight: 600; }
.fault::first-letter, .summary p::first-letter { text-transform: uppercase; }
#availability { margin: -.9rem 0 1rem; min-height: 1.5em; }
.summary { border: 2px solid var(--bad); border-radius: .5rem; padding: 0 1rem; margin: 0 0 1.25rem; }
[aria-invalid] { border-color: var(--bad) !important; border-width: 2px !important; }
button { font: inherit; font-weight: 600; width: 100%; padding: .8rem; border: 0; border-radius: .5rem; background: var(--accent); color: var(--paper); cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
dd { margin: 0 0 1rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
`;
