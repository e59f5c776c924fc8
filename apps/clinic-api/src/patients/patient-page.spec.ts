import { newObjectId, type PatientDocument } from '@caregate/clinic-model';
import { mongo } from 'mongoose';
import { patientPage } from './patient-page.ts';
import { patientView } from './patient.view.ts';

const META = { count: 3, totalCount: 7 };
const asSent = (document: object) => Buffer.from(mongo.BSON.serialize(document, { ignoreUndefined: true }));
const page = (...documents: object[]): unknown => JSON.parse(patientPage(documents.map(asSent), META).toString());
const asViews = (...patients: PatientDocument[]): unknown =>
  JSON.parse(JSON.stringify({ data: patients.map(patientView), meta: META }));

const plain = {
  _id: newObjectId(),
  clinicId: newObjectId(),
  userId: '0123456789' as PatientDocument['userId'],
  fullName: 'Ada',
  birthDate: '1990-01-01',
  permissions: {},
  tags: [],
  sites: [],
  sortName: 'ada',
  searchText: 'ada',
  createdTime: new Date('2026-01-01T10:00:00.120Z'),
  updatedTime: new Date('2026-01-01T10:00:00Z'),
} satisfies PatientDocument;

const NUMBERS = [0, -0, 1, -7, 0.1, 1 / 3, 1e21, 1e-7, 2 ** 31, 2 ** 53, -123456.789];
const TEXTS = ['', 'plain', 'Émile 🙂', 'a "quoted" \\ one', 'line\nand\ttab\u0001\u001f\u007f', '</script>', '\u2028'];

/** Each part of a patient that need not be there, in the forms that it can have. */
const PARTS: Readonly<Record<string, readonly unknown[]>> = {
  email: TEXTS,
  fullName: TEXTS,
  mrn: TEXTS,
  tags: [[], [newObjectId()], [newObjectId(), newObjectId()]],
  sites: [
    [],
    [
      { _id: newObjectId(), name: 'North "1"' },
      { _id: newObjectId(), name: '' },
    ],
  ],
  permissions: [{}, { view: {} }, { custodian: {}, view: {}, upload: {}, note: {} }],
  targetDevices: [[], ['one', 'two']],
  dataSources: [
    [],
    [{ providerName: 'dexcom', state: 'connected' }],
    [
      {
        dataSourceId: newObjectId(),
        providerName: 'twiist',
        state: 'error',
        modifiedTime: new Date(5),
        latestDataTime: new Date(1_000),
      },
    ],
  ],
  reviews: [[], [{ clinicianId: 'abc', time: new Date('2026-02-03T04:05:06.700Z') }]],
  connectionRequests: [
    {},
    { twiist: [] },
    {
      dexcom: [
        { providerName: 'dexcom', createdTime: new Date(0) },
        { providerName: 'dexcom', createdTime: new Date(1) },
      ],
    },
  ],
  lastUploadReminderTime: [new Date(-1)],
  summary: [
    {},
    { bgmStats: { config: { schemaVersion: 5, asked: true, left: false, none: null } } },
    {
      cgmStats: {
        dates: { lastData: new Date(0), hasLastData: true },
        periods: { '14d': Object.fromEntries(NUMBERS.map((n, i) => [`f${i}`, n])), '1d': {} },
      },
    },
  ],
  glycemicRanges: [
    { type: 'custom', custom: { name: 'x', thresholds: [{ upperBound: { value: 3.9, units: 'mmol/L' } }, null] } },
  ],
  diagnosisType: TEXTS,
  uniqueMrn: ['hidden'],
  legacyClinicianIds: [['hidden']],
};

test.each(Object.entries(PARTS).flatMap(([name, forms]) => forms.map((form) => [name, form])))(
  'a patient with %s is shown in a page as it is shown alone: %j',
  (name, form) => {
    const patient: PatientDocument = { ...plain, [name as string]: form }; // of the table
    expect(page(patient)).toEqual(asViews(patient));
  },
);

test('a page of many of all kinds is what they are one by one', () => {
  let state = 1;
  const random = (below: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
  const patients = Array.from({ length: 300 }, (): PatientDocument => {
    const parts = Object.entries(PARTS).filter(() => random(97) % 2 === 0);
    return { ...plain, ...Object.fromEntries(parts.map(([name, forms]) => [name, forms[random(forms.length)]])) };
  });
  expect(page(...patients)).toEqual(asViews(...patients));
});

test('a page may be empty', () => {
  expect(page()).toEqual({ data: [], meta: META });
});

test('what JSON has no number for is null', () => {
  const summary = { cgmStats: { periods: { '1d': { max: NaN, min: -Infinity } } } };
  expect(page({ ...plain, summary })).toMatchObject({
    data: [{ summary: { cgmStats: { periods: { '1d': { max: null, min: null } } } } }],
  });
});
