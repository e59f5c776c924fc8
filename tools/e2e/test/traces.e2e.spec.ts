import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { call, eventually, mailTo, session, confirmed } from '@caregate/demo';
import { type App, type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { leaveNothing } from './leave-nothing.ts';

const prefix = `tr${randomBytes(3).toString('hex')}_`;
const OWNER = { email: `tove.${prefix}@moor.example`, fullName: 'Tove Moor', password: 'heather on the moor' };
const SUBDOMAIN = 'high-moor';

interface Span {
  readonly app: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

/** A collector, as far as it has to be one: it takes OTLP over HTTP as JSON. */
class Collector {
  readonly spans: Span[] = [];
  private readonly server: Server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') this.take(JSON.parse(text));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take({ resourceSpans }: OtlpTraces): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const app = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => ({ ...span, app })));
    }
  }
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, 'app'>[] }[];
  }[];
}

const collector = new Collector();
let servers: Servers;
let platform: Platform;
let token: string;

beforeAll(async () => {
  const endpoint = await collector.listen();
  servers = await startServers();
  platform = await startShards(servers, {
    shards: ['au1'],
    prefix,
    env: () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, LOG_LEVEL: 'debug' }),
  });
  const signUp = { subdomain: SUBDOMAIN, name: 'High Moor', region: 'au', owner: OWNER };
  const url = `${platform.directory.url}/caregate/v1/accounts`;
  const account = (await call({ method: 'POST', url, body: signUp })).body as { accountId: string };
  await confirmed(platform.shard('au1'), account, OWNER.password);
  const { email, password } = OWNER;
  const signedIn = await call({ method: 'POST', url: `${api()}/caregate/v1/sessions`, body: { email, password } });
  token = (signedIn.body as { token: string }).token;
}, 300_000);

afterAll(async () => {
  await platform?.stop();
  await leaveNothing(servers, prefix);
  await servers?.stop();
  collector.close();
});

const api = () => `http://${SUBDOMAIN}.au1.${platform.domain}:${platform.shard('au1').api.port}`;

const logLines = async ({ logFile }: App) =>
  (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.startsWith('{'));

test('a request, the reaction to what it changed and the email are one trace, and the logs name it', async () => {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  const answer = await call({
    method: 'POST',
    url: `${api()}/v1/clinics`,
    headers: { ...session(token), traceparent: `00-${traceId}-${spanId}-01` },
    body: { name: 'High Moor', country: 'AU', preferredBgUnits: 'mmol/L' },
  });
  expect(answer.status).toBe(200);
  await mailTo(servers.mailWebUrl, OWNER.email, /High Moor/);
  const mine = () => collector.spans.filter((span) => span.traceId === traceId);
  const find = (app: string, name: string) => mine().find((span) => span.app === app && span.name === name);
  await eventually('the email’s span', async () => find('clinic-worker', 'send email'));
  await eventually('the reaction’s span', async () => find('clinic-worker', 'reaction clinic_created'));

  const request = find('clinic-api', 'POST /v1/clinics');
  const reaction = find('clinic-worker', 'reaction clinic_created');
  expect(request?.parentSpanId).toBe(spanId);
  expect(reaction?.parentSpanId).toBe(request?.spanId);
  expect(find('clinic-worker', 'send email')?.parentSpanId).toBe(reaction?.spanId);

  const shard = platform.shard('au1');
  for (const [app, words] of [
    [shard.api, '"answered"'],
    [shard.worker, '"reacted"'],
  ] as const) {
    const lines = await eventually(`the log of ${app.label}`, async () => {
      const found = (await logLines(app)).filter(
        (line) => line.includes(words) && line.includes(`"traceId":"${traceId}"`),
      );
      return found.length > 0 && found;
    });
    expect(lines).toHaveLength(1);
  }
}, 120_000);

test('spans hold no names and no addresses', () => {
  const text = JSON.stringify(collector.spans);
  expect(text).toContain('reaction clinic_created');
  expect(text).not.toMatch(/Tove|Moor|moor\.example|heather/);
});
