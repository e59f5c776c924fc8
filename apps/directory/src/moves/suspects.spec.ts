import { differing, Suspects } from './suspects.ts';

test('what only one side has differs, and what is not the same', () => {
  const a = [
    { id: '1', hash: 'x' },
    { id: '2', hash: 'x' },
    { id: '3', hash: 'x' },
  ];
  const b = [
    { id: '2', hash: 'x' },
    { id: '3', hash: 'y' },
    { id: '4', hash: 'x' },
  ];
  expect(differing(a, b).sort()).toEqual(['1', '3', '4']);
  expect(differing(a, a)).toEqual([]);
});

test('a document that is touched twice is suspected once, and large collections come in parts', () => {
  const suspects = new Suspects();
  for (const id of ['1', '2', '3', '1']) suspects.add({ collection: 'patients', id });
  suspects.add({ collection: 'clinics', id: '1' });
  expect(suspects.size).toBe(4);
  expect([...suspects.inParts(2)]).toEqual([
    { collection: 'patients', ids: ['1', '2'] },
    { collection: 'patients', ids: ['3'] },
    { collection: 'clinics', ids: ['1'] },
  ]);
});
