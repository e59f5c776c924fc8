import { withDatabase, withoutDatabase } from './mongodb-uri.ts';

test.each([
  ['mongodb://127.0.0.1:1/?replicaSet=rs0', 'mongodb://127.0.0.1:1/clinic_au1?replicaSet=rs0'],
  ['mongodb://127.0.0.1:1', 'mongodb://127.0.0.1:1/clinic_au1'],
  ['mongodb://a:1,b:2/other?replicaSet=rs0&w=majority', 'mongodb://a:1,b:2/clinic_au1?replicaSet=rs0&w=majority'],
  ['mongodb+srv://cluster.example/', 'mongodb+srv://cluster.example/clinic_au1'],
  ['mongodb://u:p@h:1/?authSource=users', 'mongodb://u:p@h:1/clinic_au1?authSource=users'],
  // Credentials stay where they were looked up before.
  ['mongodb://u:p@h:1/users', 'mongodb://u:p@h:1/clinic_au1?authSource=users'],
  ['mongodb://u:p@h:1', 'mongodb://u:p@h:1/clinic_au1?authSource=admin'],
])('%s for clinic_au1 is %s', (uri, expected) => {
  expect(withDatabase(uri, 'clinic_au1')).toBe(expected);
});

test('leaves the database out', () => {
  expect(withoutDatabase('mongodb://a:1/clinic?replicaSet=rs0')).toBe('mongodb://a:1/?replicaSet=rs0');
});

test.each(['', 'localhost:27017', 'http://127.0.0.1', 'mongodb:///x'])('refuses %p', (uri) => {
  expect(() => withDatabase(uri, 'x')).toThrow('MONGODB_URI must look like');
});
