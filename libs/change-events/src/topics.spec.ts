import { topicDefinitions, topicsOf } from './topics.ts';

test.each(['au1', 'uk1', 't-4f', 't1_au1'])('%s is a prefix, and all names begin with it', (prefix) => {
  const names = Object.values(topicsOf(prefix));
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name.startsWith(`${prefix}.`)).toBe(true);
});

test.each(['', 'AU1', 'au1.', 'a.b', '-a', 'a-', 'ä', 'a b', 'x'.repeat(64)])('%j is no prefix', (prefix) => {
  expect(() => topicsOf(prefix)).toThrow(RangeError);
});

test('every topic is defined once, and transitions are never compacted away', () => {
  const definitions = new Map(topicDefinitions('au1', 6).map((topic) => [topic.name, topic]));
  const topics = topicsOf('au1');
  expect([...definitions.keys()].sort()).toEqual(Object.values(topics).sort());
  for (const name of [
    topics.clinics,
    topics.clinicians,
    topics.patients,
    topics.migrations,
    topics.patientInvites,
    topics.userEvents,
    topics.signUps,
    topics.patientArchives,
  ]) {
    expect(definitions.get(name)?.settings['cleanup.policy']).toBe('delete');
  }
});
