import { transactionName } from '@caregate/service';
import { mongo } from 'mongoose';
import { type ChangeEvent, isNews, MalformedEvent, parseChangeEvent, touched } from './envelope.ts';

const id = new mongo.ObjectId();
const token = '826B05F84D000000022B022C0100296E';

const message = (fields: object) =>
  mongo.BSON.EJSON.stringify(
    {
      _id: { _data: token },
      operationType: 'update',
      clusterTime: new mongo.Timestamp({ t: 1_795_553_357, i: 2 }),
      ns: { db: 'clinic_au1', coll: 'patients' },
      documentKey: { _id: id },
      fullDocument: { _id: id, fullName: 'x', lastUploadReminderTime: new Date(5), count: 3 },
      updateDescription: {
        updatedFields: { 'permissions.view': {} },
        removedFields: ['mrn'],
        truncatedArrays: [{ field: 'tags', newSize: 1 }],
      },
      ...fields,
    },
    { relaxed: false },
  );

test('an event names the transaction that it was made in, as the one who made it does', () => {
  const session = new mongo.UUID();
  const inTransaction = message({ lsid: { id: session }, txnNumber: mongo.Long.fromNumber(41) });
  expect(parseChangeEvent(inTransaction).transaction).toBe(transactionName(session.buffer, 41));
  expect(parseChangeEvent(message({}))).not.toHaveProperty('transaction');
  expect(parseChangeEvent(message({ lsid: { id: session } }))).not.toHaveProperty('transaction');
});

test('an event is read with the types that the database has', () => {
  expect(parseChangeEvent(Buffer.from(message({})))).toEqual({
    _id: token,
    operationType: 'update',
    clusterTime: { time: new Date(1_795_553_357_000), ordinal: 2 },
    ns: { db: 'clinic_au1', coll: 'patients' },
    documentKey: { _id: id },
    fullDocument: { _id: id, fullName: 'x', lastUploadReminderTime: new Date(5), count: 3 },
    updateDescription: {
      updatedFields: { 'permissions.view': {} },
      removedFields: ['mrn'],
      truncatedArrays: [{ field: 'tags', newSize: 1 }],
    },
  });
});

test('a copied document is an insert that is identified by the document', () => {
  const copied = message({
    _id: { _id: id, copyingData: true },
    operationType: 'insert',
    clusterTime: undefined,
    updateDescription: undefined,
  });
  expect(parseChangeEvent(copied)).toMatchObject({ _id: `copy:${id.toHexString()}`, operationType: 'insert' });
});

test('what a snapshot copied after a loss says since when; an event of the oplog does not, whatever its document holds', () => {
  const changedSince = new Date(5_000);
  const copied = { _id: { _id: id, copyingData: true }, operationType: 'insert', clusterTime: undefined };
  expect(parseChangeEvent(message({ ...copied, changedSince }))).toMatchObject({ changedSince });
  expect(parseChangeEvent(message({ changedSince }))).not.toHaveProperty('changedSince');
});

test('of what a snapshot copied, news is what happened since the loss; of everything else, all', () => {
  const changedSince = new Date(5_000);
  expect(isNews({ changedSince }, new Date(4_999))).toBe(false);
  expect(isNews({ changedSince }, undefined)).toBe(false);
  expect(isNews({ changedSince }, new Date(5_000))).toBe(true);
  expect(isNews({}, undefined)).toBe(true);
});

test('a document that was too large for its event is malformed, and the error says how large it is', () => {
  const large = message({ fullDocument: undefined, documentBytes: 1_000_000 });
  expect(() => parseChangeEvent(large)).toThrow(/the document has 1000000 bytes/);
});

test('a deletion needs no document', () => {
  const event = parseChangeEvent(
    message({ operationType: 'delete', fullDocument: undefined, updateDescription: undefined }),
  );
  expect(event).toMatchObject({ operationType: 'delete', documentKey: { _id: id } });
  expect(event.fullDocument).toBeUndefined();
});

test.each([
  ['nothing', null],
  ['an empty text', ''],
  ['no JSON', '{"fullName": "Planted Name"'],
  ['JSON of something else', '[1, 2]'],
  ['a broken ObjectId', '{"_id": {"$oid": "Planted Name"}}'],
  ['no token', message({ _id: {} })],
  ['an unknown operation', message({ operationType: 'Planted Name' })],
  ['an update without a document', message({ fullDocument: undefined })],
  ['a document that is none', message({ fullDocument: 'Planted Name' })],
  ['no key', message({ documentKey: {} })],
])('%s is a malformed event, and the error repeats nothing of it', (_what, value) => {
  const read = () => parseChangeEvent(value);
  expect(read).toThrow(MalformedEvent);
  expect(read).not.toThrow(/Planted/);
});

test('a field counts as touched when the event names it', () => {
  const event = parseChangeEvent(message({ updateDescription: undefined, changed: ['permissions', 'mrn'] }));
  for (const [field, expected] of [
    ['permissions', true],
    ['mrn', true],
    ['fullName', false],
  ] as const)
    expect([field, touched(event, field)]).toEqual([field, expected]);
  expect(touched({ ...event, operationType: 'delete' }, 'mrn')).toBe(false);
});

test('of an event of before fields were named, one counts as touched when it, or anything below it, was set, removed or cut', () => {
  const event = parseChangeEvent(message({}));
  for (const path of ['permissions', 'permissions.view', 'mrn', 'tags'])
    expect([path, touched(event, path)]).toEqual([path, true]);
  for (const path of ['permissions.note', 'perm', 'fullName'])
    expect([path, touched(event, path)]).toEqual([path, false]);
  const inserted: ChangeEvent = { ...event, operationType: 'insert' };
  expect(touched(inserted, 'fullName')).toBe(true);
  expect(touched({ ...event, operationType: 'delete' }, 'fullName')).toBe(false);
});
