import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RouteOptions } from 'fastify';
import { ACCESS } from '@caregate/access';
import { contracts, operations, routePath } from '@caregate/contracts';
import { type ServedOperation, startApp } from '@caregate/service';
import { clinicApi } from '../src/app.ts';

/** What the contracts promise, as `GetClinic get /v1/clinics/:clinicId`. */
const promised = [contracts.clinic, contracts.account]
  .flatMap(operations)
  .map(({ operationId, method, path }) => `${operationId} ${method.toUpperCase()} ${routePath(path)}`);

/** A whole app is started, perhaps beside other tests. */
const PATIENTLY = 60_000;

/** For whoever can reach the app; they say nothing about anyone. The page behind /sign-up does to who has the secret of a mailed link. */
const PAGES = /^\/(ready|live|metrics|docs|sign-up)(\/|$)/;

const routes: RouteOptions[] = [];
let app: NestFastifyApplication;

beforeAll(async () => {
  const listed: typeof clinicApi = {
    ...clinicApi,
    configure: async (created, config, logger) => {
      created
        .getHttpAdapter()
        .getInstance()
        .addHook('onRoute', (route) => void routes.push(route));
      await clinicApi.configure?.(created, config, logger);
    },
  };
  const nowhere = '127.0.0.1:1'; // the routes are there without a database
  ({ app } = await startApp(listed, {
    SHARD_ID: 'au1',
    LOG_LEVEL: 'fatal',
    MONGODB_URI: `mongodb://${nowhere}/none`,
    IDENTITY: 'http',
    IDENTITY_URL: `http://${nowhere}`,
  }));
}, PATIENTLY);
afterAll(() => app.close(), PATIENTLY);

test('every operation has one route, and every route is an operation', () => {
  const served = routes
    .filter(({ method }) => method !== 'HEAD')
    .flatMap((route) => {
      const operation = operationOf(route);
      return operation ? [`${operation.operationId} ${String(route.method)} ${route.url}`] : [];
    });
  expect(served.toSorted()).toEqual(promised.toSorted());
});

test('what is no operation is a page about nobody', () => {
  const others = routes.filter((route) => operationOf(route) === undefined).map(({ url }) => url);
  expect(others.filter((url) => !PAGES.test(url))).toEqual([]);
});

test('a HEAD is guarded as the GET that it stands for', () => {
  const guardOf = (wanted: string) =>
    routes
      .filter(({ method }) => method === wanted)
      .map((route) => `${route.url} ${operationOf(route)?.operationId ?? 'page'}`);
  expect(guardOf('HEAD').toSorted()).toEqual(guardOf('GET').toSorted());
});

test('every operation has a row in the access table, and every row an operation', () => {
  expect(Object.keys(ACCESS).toSorted()).toEqual(promised.map((line) => line.split(' ')[0]).toSorted());
});

test('the contracts say of every operation by what a caller may say who they are', () => {
  const KEYS = ['clinicKey', 'accountKey', 'ownAccountKey'];
  const rows = [contracts.clinic, contracts.account].flatMap((contract) =>
    operations(contract).map(({ operationId, security }) => ({
      operationId,
      said: security.flatMap((each) => Object.keys(each)).toSorted(),
    })),
  );
  const allowed = rows.map(({ operationId }) => {
    const who = ACCESS[operationId] ?? [];
    const people = who.some((each) => ![...KEYS, 'directory', 'everybody'].includes(each));
    const said = [
      ...(who.some((each) => KEYS.includes(each)) ? ['apiKey'] : []),
      ...(who.includes('directory') ? ['provisioning'] : []),
      ...(people ? ['sessionToken'] : []),
    ];
    return { operationId, said };
  });
  expect(rows).toEqual(allowed);
});

/** Only the operation decorator writes this key of a route's config. */
function operationOf({ config }: RouteOptions): ServedOperation | undefined {
  return (config as { operation?: { operation: ServedOperation } } | undefined)?.operation?.operation;
}
