import { type Api, startApi } from '../src/api.ts';
import { CALLERS, fuzz, SHORT } from '../src/fuzz.ts';

const MINUTE = 60_000;

let api: Api;
beforeAll(async () => {
  const { MONGODB_URI } = process.env;
  if (!MONGODB_URI) throw new Error('MONGODB_URI is needed: `make e2e` starts a MongoDB and sets it');
  api = await startApi(MONGODB_URI);
});
afterAll(() => api.close());

test(
  'whoever calls: no answer is a 5xx or other than the contract says',
  async () => {
    const outcomes = await fuzz({ target: api.target, plan: SHORT });
    expect([...outcomes.keys()].toSorted()).toEqual(CALLERS.toSorted());
    for (const [caller, { failures, output }] of outcomes) {
      if (failures > 0) throw new Error(`as ${caller}:\n${output}`);
    }
    // Otherwise the requests were about nothing that exists, or came from somebody who may do nothing.
    for (const [caller, { accepted }] of outcomes) {
      if (caller === 'nobody') expect(accepted).toBe(0);
      else expect([caller, accepted > 20]).toEqual([caller, true]);
    }
  },
  // With other tests on the same machine it takes several times as long.
  20 * MINUTE,
);
