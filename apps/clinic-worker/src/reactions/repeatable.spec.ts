import { type ReactionDefinition, REPEATABLE_REACTIONS } from '@caregate/change-events';
import { reactions } from './index.ts';

/** What `@Reaction` notes of a method. */
function definitionsIn(controller: new (...given: never[]) => object): ReactionDefinition<unknown>[] {
  const methods = Object.getOwnPropertyNames(controller.prototype).map((name) =>
    Reflect.get(controller.prototype, name),
  );
  return methods.flatMap((method) =>
    Reflect.getMetadataKeys(method)
      .map((key: unknown) => Reflect.getMetadata(key, method))
      .flatMap((noted: { reaction?: ReactionDefinition<unknown> } | undefined) =>
        noted?.reaction ? [noted.reaction] : [],
      ),
  );
}

test('the list of what a restore may repeat is what the reactions say of themselves', () => {
  const all = reactions.flatMap((controller) => definitionsIn(controller));
  expect(all.length).toBeGreaterThan(15);
  expect(
    all
      .filter(({ outward }) => !outward)
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...REPEATABLE_REACTIONS]);
});

test('every reaction that sends emails says that what it does leaves the shard', () => {
  const byMail = reactions
    .flatMap((controller) => definitionsIn(controller))
    .filter(({ queue }) => queue !== undefined);
  expect(byMail.filter(({ outward }) => !outward)).toEqual([]);
});
