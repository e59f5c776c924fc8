import { answered, type Harness, statusOf } from './harness.ts';

const ACCOUNT = '/caregate/v1/accounts/{accountId}';

/** The shards of a move. */
export interface Route {
  readonly from: Harness;
  readonly to: Harness;
}

/** As the directory begins it. */
export async function beginMove({ from, to }: Route, accountId: string, moveId: string) {
  const params = { path: { accountId } };
  const departure = answered(await from.directory().POST(`${ACCOUNT}/departure`, { params, body: { moveId } }));
  const body = { moveId, account: departure.account };
  expect(answered(await to.directory().PUT(`${ACCOUNT}/arrival`, { params, body }))).toEqual({ ready: true });
  return departure;
}

export const bringTo = (to: Harness, accountId: string, moveId: string, batch: string) =>
  to.directory().POST(`${ACCOUNT}/arrival/batches`, { params: { path: { accountId } }, body: { moveId, batch } });

/** Brings all that the account has. */
export async function copyAll(route: Route, accountId: string, moveId: string): Promise<void> {
  const { collections } = await beginMove(route, accountId, moveId);
  for (const { collection } of collections) {
    for (let after: string | undefined, more = true; more;) {
      const page = answered(
        await route.from.directory().GET(`${ACCOUNT}/departure/documents`, {
          params: { path: { accountId }, query: { collection, ...(after !== undefined && { after }) } },
        }),
      );
      expect(statusOf(await bringTo(route.to, accountId, moveId, page.batch))).toBe(204);
      [after, more] = [page.next, page.next !== undefined];
    }
  }
}

/** From here on it is served where it came to. */
export async function activateAt(to: Harness, accountId: string, moveId: string): Promise<void> {
  const params = { path: { accountId } };
  const answer = await to.directory().POST(`${ACCOUNT}/arrival/activation`, { params, body: { moveId } });
  expect(statusOf(answer)).toBe(204);
}
