import { newObjectId } from './ids.ts';
import { entriesOf, PEOPLE, type SheetPatient, sheetChangesOf } from './sheets.ts';

const patient: SheetPatient = {
  _id: newObjectId(),
  clinicId: newObjectId(),
  sortName: 'ada',
  searchText: 'ada 1990-02-03',
  birthDate: '1990-02-03',
  tags: [],
  sites: [],
};
const others: Required<Omit<SheetPatient, '_id' | 'clinicId' | 'summary'>> = {
  sortName: 'bert',
  searchText: 'bert 1990-02-03',
  birthDate: '1991-02-03',
  tags: [newObjectId()],
  sites: [{ _id: newObjectId(), name: 'North' }],
  reviews: [{ clinicianId: 'a000000001', time: new Date() }] as never, // an id as tests make them
  dataSources: [{ providerName: 'dexcom', state: 'disconnected' }],
  glycemicRanges: { type: 'custom' },
};

test.each(Object.entries(others))('a change of %s is written to just the columns that it stands in', (field, value) => {
  const [before, after] = [patient, { ...patient, [field]: value }].map((each) => entriesOf(each)[PEOPLE] ?? {});
  const differing = Object.keys({ ...before, ...after }).filter(
    (column) => JSON.stringify(before?.[column]) !== JSON.stringify(after?.[column]),
  );
  expect(differing).not.toEqual([]);
  expect(sheetChangesOf([field])).toEqual({ columns: differing });
});

test('a summary stands in all parts, and other fields on no sheet', () => {
  expect(sheetChangesOf(['updatedTime', 'summary'])).toBe('all');
  expect(sheetChangesOf(['updatedTime', 'targetDevices'])).toBeUndefined();
});
