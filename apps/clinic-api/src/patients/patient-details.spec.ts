import { newObjectId } from '@caregate/clinic-model';
import { Unprocessable } from '@caregate/service/errors';
import { detailsOf, permissionsFrom, permissionsFromPatient } from './patient-details.ts';

const person = { fullName: 'Ann', birthDate: '1990-01-01' };

test('what is not sent of the person is taken away, what is not sent of the clinic’s labels stays', () => {
  const details = detailsOf(person, []);
  expect(details).toEqual({ ...person, email: undefined, mrn: undefined, targetDevices: undefined });
  expect(Object.keys(details)).not.toEqual(expect.arrayContaining(['tags']));
  expect(detailsOf({ ...person, tags: null, dataSources: null }, [])).not.toHaveProperty('tags');
  expect(detailsOf({ ...person, tags: [] }, []).tags).toEqual([]);
  expect(detailsOf({ ...person, email: 'Ann@Example.Test' }, []).email).toBe('ann@example.test');
});

test('a site has the name that the clinic gives it, is there once, and is one of the clinic', () => {
  const [known, gone] = [newObjectId(), newObjectId()];
  const sites = [
    { id: known.toHexString(), name: 'Old name' },
    { id: known.toHexString(), name: 'Other name' },
  ];
  expect(detailsOf({ ...person, sites }, [{ _id: known, name: 'North' }]).sites).toEqual([
    { _id: known, name: 'North' },
  ]);
  const byName = { ...person, sites: [{ id: gone.toHexString(), name: 'NORTH' }] };
  expect(detailsOf(byName, [{ _id: known, name: 'North' }]).sites).toEqual([{ _id: known, name: 'North' }]);
  const unknown = { ...person, sites: [...sites, { id: gone.toHexString(), name: 'Gone' }] };
  expect(() => detailsOf(unknown, [{ _id: known, name: 'North' }])).toThrow(Unprocessable);
});

test('a permission is there or not, and custody is not the patient’s to give', () => {
  expect(permissionsFrom({ view: {}, upload: { anything: 1 } })).toEqual({ view: {}, upload: {} });
  expect(permissionsFromPatient({ custodian: {}, note: {} })).toEqual({ note: {} });
});
