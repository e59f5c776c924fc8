import { eventually } from './eventually.ts';

test('gives what is found at last', async () => {
  const looks = [undefined, null, false, 0, '', 'there'];
  expect(await eventually(() => looks.shift())).toBe('there');
});

test('gives up, and says what was awaited', async () => {
  await expect(eventually(async () => false, 'the moon', 20)).rejects.toThrow('not seen within 0.02 s: the moon');
  await expect(eventually(() => 'never' in {}, undefined, 20)).rejects.toThrow("'never' in {}");
});

test('a fault while looking is told at once', async () => {
  await expect(eventually(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});
