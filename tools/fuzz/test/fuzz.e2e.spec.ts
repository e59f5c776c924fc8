import { type Api, startApi } from '../src/api.ts';
import { CALLERS, fuzz, SHORT } from '../src/fuzz.ts';
import { whyNot } from '../src/python.ts';

const MINUTE = 60_000;
const reason = await whyNot();
if (reason !== undefined) console.warn(`not tried: ${reason}`);
const here = reason === undefined ? describe : describe.skip;

here('random requests', () => {
  let api: Api;
  beforeAll(async () => {
    const { MONGODB_URI } = process.env;
    if (!MONGODB_URI) throw new Error('MONGODB_URI is needed: `make e2e` starts a MongoDB and sets it');
    api = await startApi(MONGODB_URI);
  });
  afterAll(() => api.close());

  test(
    'are never answered with a 5xx, or otherwise than the contract says, whoever calls',
    async () => {
      const outcomes = await fuzz({ target: api.target, plan: SHORT });
      expect([...outcomes.keys()].toSorted()).toEqual(CALLERS.toSorted());
      for (const [caller, { failures, output }] of outcomes) {
        if (failures > 0) throw new Error(`as ${caller}:\n${output}`);
      }
      // Otherwise the requests were about nothing that exists, or came from somebody who may do nothing.
      for (const [caller, { accepted }] of outcomes) {
        if (caller === 'nobody') expect(accepted).toBe(0);
        else expect([caller, accepted > 10]).toEqual([caller, true]);
      }
    },
    // With other tests on the same machine it takes several times as long.
    20 * MINUTE,
  );
});
