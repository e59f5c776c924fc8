import { searchFields, sortNameOf } from './search-text.ts';

const patient = { fullName: 'Émile Zola', email: 'emile@example.test', mrn: 'Z-1', birthDate: '1990-01-02' };

test('all four fields are searched through without regard to case, and none runs into the next', () => {
  const { searchText } = searchFields(patient);
  expect(searchText).toBe('émile zola\nemile@example.test\nz-1\n1990-01-02');
  expect(searchFields({ ...patient, fullName: 'Two\nlines' }).searchText).toMatch(/^two lines\n/);
});

test('what a person does not have is not searched through', () => {
  expect(searchFields({ fullName: 'Al', birthDate: '' })).toEqual({
    sortName: 'al',
    searchText: 'al',
  });
});

test('names are sorted without regard to case and accents', () => {
  expect(['Zoë', 'émile', 'Emma', 'ÉMIL'].sort((a, b) => (sortNameOf(a) < sortNameOf(b) ? -1 : 1))).toEqual([
    'ÉMIL',
    'émile',
    'Emma',
    'Zoë',
  ]);
});
