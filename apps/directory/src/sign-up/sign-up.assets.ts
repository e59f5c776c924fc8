/** Looks at a subdomain as it is typed. The page works without it: then the answer comes with the form. */
export const SCRIPT = `'use strict';
(() => {
  const input = document.getElementById('subdomain');
  const status = document.getElementById('availability');
  let timer;
  let asking;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    asking?.abort();
    say('', '');
    if (input.value.trim()) timer = setTimeout(ask, 250);
  });
  document.querySelector('.summary')?.focus();

  async function ask() {
    const name = input.value.trim().toLowerCase();
    asking = new AbortController();
    try {
      const answer = await fetch('/caregate/v1/subdomains/' + encodeURIComponent(name), { signal: asking.signal });
      const body = await answer.json();
      if (answer.ok && body.available) say(name + ' is available.', 'good');
      else if (answer.ok) say(name + ' is not available: ' + body.reason + '.', 'bad');
      else if (answer.status === 400) say('A subdomain has letters from a to z, digits and inner hyphens only.', 'bad');
    } catch {
      // Without an answer there is nothing to say; the form will tell.
    }
  }

  function say(text, kind) {
    status.textContent = text;
    status.className = kind;
  }
})();
`;
