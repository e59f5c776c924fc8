import { newSignUp, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await startWorld()));
afterAll(() => world.stop());

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

function filled(changes: Record<string, string> = {}) {
  const { subdomain, name, region, owner } = newSignUp();
  return {
    name,
    subdomain,
    region,
    fullName: owner.fullName,
    email: owner.email,
    password: owner.password,
    key: `key-${subdomain}`,
    ...changes,
  };
}

async function submit(fields: Record<string, string>, more: Record<string, string> = {}) {
  const { status, headers, body } = await world.directory.call('POST', '/sign-up', {
    body: new URLSearchParams(fields).toString(),
    headers: { ...FORM, ...more },
  });
  return { status, headers, html: String(body['text']), message: body['message'] };
}

test('the form offers the regions, each with a line on where the data will live', async () => {
  const { status, headers, body } = await world.directory.call('GET', '/sign-up');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  expect(body['text']).toMatch(
    /name="region" value="au"[\s\S]*does not leave Australia[\s\S]*value="uk"[\s\S]*stored in London/,
  );
});

test('whoever fills it in is sent to their mail and told the addresses; sending it twice makes one', async () => {
  const fields = filled({ region: 'uk' });
  const first = await submit(fields);
  expect(first.status).toBe(201);
  expect(first.html).toContain('We have mailed you a link');
  expect(first.html).toContain(`https://${fields.subdomain}.uk1.example.test:8443`);
  expect(first.html).toContain('https://api.uk1.example.test:8443');
  expect(await submit(fields)).toMatchObject({ status: 201, html: first.html });
  expect(world.uk1.toldOf(fields.subdomain)).toHaveLength(1);
});

test('a form that stands on another site signs nobody up', async () => {
  const fields = filled();
  for (const site of ['cross-site', 'same-site']) {
    const { status, message } = await submit(fields, { 'sec-fetch-site': site });
    expect([status, message]).toEqual([403, expect.stringContaining('another site')]);
  }
  expect(world.uk1.toldOf(fields.subdomain)).toHaveLength(0);
  expect((await submit(fields, { 'sec-fetch-site': 'same-origin' })).status).toBe(201);
});

test('what is wrong is said at its field, and what was typed is kept', async () => {
  const fields = filled({ email: 'nobody', name: 'Good & "True"' });
  const { status, html } = await submit(fields);
  expect(status).toBe(400);
  expect(html).toContain('value="Good &amp; &quot;True&quot;"');
  expect(html).toMatch(/id="email"[^>]*aria-describedby="email-fault "[^>]*aria-invalid="true"/);
  expect(html).not.toContain(fields.password);
});

test('a subdomain that is taken is said at its field', async () => {
  const fields = filled();
  await submit(fields);
  const { status, html } = await submit(filled({ subdomain: fields.subdomain }));
  expect(status).toBe(409);
  expect(html).toMatch(/id="subdomain-fault">this subdomain is taken/);
});

test('a region that is not offered is refused in words', async () => {
  const { status, html } = await submit(filled({ region: 'nz' }));
  expect(status).toBe(400);
  expect(html).toMatch(/region must be one of au, uk/);
});

test('an empty body is an empty form', async () => {
  expect((await submit({})).status).toBe(400);
});

test('the API takes no forms, and the page no files', async () => {
  const form = await world.directory.call('POST', '/caregate/v1/accounts', { body: 'subdomain=x', headers: FORM });
  expect(form.status).toBe(415);
  const file = await world.directory.call('POST', '/sign-up', {
    body: 'x',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  });
  expect(file.status).toBe(415);
});

test('style and script come from the directory itself', async () => {
  expect((await world.directory.call('GET', '/sign-up/page.css')).headers['content-type']).toBe(
    'text/css; charset=utf-8',
  );
  expect((await world.directory.call('GET', '/sign-up/page.js')).headers['content-type']).toBe(
    'text/javascript; charset=utf-8',
  );
});
