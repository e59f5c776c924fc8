import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RouteOptions } from 'fastify';
import { contracts, operations, routePath } from '@caregate/contracts';
import { type ServedOperation, startApp } from '@caregate/service';
import { gatekeeperSync } from '../src/app.ts';

const routes: RouteOptions[] = [];
let app: NestFastifyApplication;

beforeAll(async () => {
  const listed: typeof gatekeeperSync = {
    ...gatekeeperSync,
    configure: async (created, config, logger) => {
      created
        .getHttpAdapter()
        .getInstance()
        .addHook('onRoute', (route) => void routes.push(route));
      await gatekeeperSync.configure?.(created, config, logger);
    },
  };
  const nowhere = '127.0.0.1:1'; // the routes are there without any server
  ({ app } = await startApp(listed, {
    SHARD_ID: 'au1',
    LOG_LEVEL: 'silent',
    MONGODB_URI: `mongodb://${nowhere}/none`,
    GATEKEEPER_MONGODB_URI: `mongodb://${nowhere}/none`,
    KAFKA_BROKERS: nowhere,
    CONNECT_URL: `http://${nowhere}`,
    IDENTITY: 'http',
    IDENTITY_URL: `http://${nowhere}`,
  }));
});
afterAll(() => app?.close());

/** Only the operation decorator writes this key of a route's config. */
const operationOf = ({ config }: RouteOptions) =>
  (config as { operation?: { operation: ServedOperation } } | undefined)?.operation?.operation;

test('every operation of the contract has one route, and every other route is a page about nobody', () => {
  const gets = routes.filter(({ method }) => method !== 'HEAD');
  const served = gets.flatMap((route) => {
    const operation = operationOf(route);
    return operation ? [`${operation.operationId} ${String(route.method)} ${route.url}`] : [];
  });
  const promised = operations(contracts.gatekeeper).map(
    ({ operationId, method, path }) => `${operationId} ${method.toUpperCase()} ${routePath(path)}`,
  );
  expect(served.toSorted()).toEqual(promised.toSorted());
  const others = gets.filter((route) => operationOf(route) === undefined).map(({ url }) => url);
  expect(others.filter((url) => !/^\/(ready|live|metrics|docs)(\/|$)/.test(url))).toEqual([]);
});

test('while its servers are away the app answers, says that it is not ready and why', async () => {
  expect((await app.inject('/live')).statusCode).toBe(200);
  const ready = await app.inject('/ready');
  expect(ready.statusCode).toBe(503);
  expect(ready.json().message).toMatch(/not ready: .*mongodb.*gatekeeper mongodb.*kafka.*kafka connect/);
  const asked = await app.inject({ url: '/access/0000000001', headers: { 'x-tidepool-session-token': 'server' } });
  expect(asked.statusCode).toBe(503);
  expect(asked.json()).toEqual({ message: expect.any(String) });
});
