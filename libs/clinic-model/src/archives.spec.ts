import { archivesKeptDays } from './archives.ts';

const LONGEST = Math.floor((2 ** 31 - 1) / 86_400);

test.each([
  [{ deletionsKeptDays: 90, auditKeptDays: 2_192 }, 2_222],
  [{ deletionsKeptDays: 90, auditKeptDays: 30 }, 430], // mails and merges are kept longer
  [{ deletionsKeptDays: 3_650, auditKeptDays: 30 }, 3_680],
  [{ deletionsKeptDays: 90, auditKeptDays: 0 }, LONGEST],
  [{ deletionsKeptDays: 90, auditKeptDays: 1_000_000 }, LONGEST],
])('with %j a deleted clinic is known until the rest of it has gone: %i days', (retention, days) => {
  expect(archivesKeptDays(retention)).toEqual({
    clinicians_deletions: retention.deletionsKeptDays,
    patients_deletions: retention.deletionsKeptDays,
    clinics_deletions: days,
  });
});
