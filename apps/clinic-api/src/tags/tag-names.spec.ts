import { newObjectId, type PatientTag } from '@caregate/clinic-model';
import { Conflict, Unprocessable } from '@caregate/service';
import { assertNameIsFree, assertRoomForTag } from './tag-names.ts';

const tag = (name: string): PatientTag => ({ _id: newObjectId(), name });

test.each(['High Risk', 'high RISK', 'HighRisk', ' high  risk ', 'HIGH\tRISK'])(
  '%j is taken by "High Risk"',
  (name) => {
    expect(() => assertNameIsFree([tag('Other'), tag('High Risk')], name)).toThrow(Conflict);
  },
);

test('letters that only look different are the same', () => {
  expect(() => assertNameIsFree([tag('Caf\u00e9')], 'Cafe\u0301')).toThrow(Conflict);
});

test('a tag may keep its name, or change only its case; not take that of another', () => {
  const [one, two] = [tag('One'), tag('Two')];
  expect(() => assertNameIsFree([one, two], 'ONE', one)).not.toThrow();
  expect(() => assertNameIsFree([one, two], 'TWO', one)).toThrow(Conflict);
});

test('there is room for fifty', () => {
  const tags = Array.from({ length: 49 }, (_, i) => tag(`T${i}`));
  expect(() => assertRoomForTag(tags)).not.toThrow();
  expect(() => assertRoomForTag([...tags, tag('Last')])).toThrow(Unprocessable);
});
