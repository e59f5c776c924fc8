import { FieldNames, TYPE, visitFields } from './bson-bytes.ts';
import { JsonBytes } from './json-bytes.ts';
import { PROVIDERS } from './patient.view.ts';

/** Counts of a list: how many match, and how many there are. */
export interface PageMeta {
  readonly count: number;
  readonly totalCount: number;
}

/**
 * A page of patients as clients see it, in JSON, written from the documents as MongoDB sends them: most of what a list costs is its
 * patients, and of these their figures. Shows of each what `patientView` shows of one; a test holds them together.
 */
export function patientPage(documents: readonly Buffer[], { count, totalCount }: PageMeta): Buffer {
  const page = new JsonBytes();
  page.json('{"data":[');
  for (const [i, document] of documents.entries()) {
    if (i > 0) page.json(',');
    writePatient(page, document);
  }
  page.json(`],"meta":${JSON.stringify({ count, totalCount })}}`);
  return page.finished();
}

const REQUESTS = 'connectionRequests';
/** Fields that are shown, by the names that they are stored under; what they hold is shown as it is stored. */
const SHOWN = new FieldNames([
  ...['userId', 'email', 'fullName', 'birthDate', 'mrn', 'tags', 'targetDevices', 'permissions', 'createdTime'],
  ...[
    'updatedTime',
    'dataSources',
    'lastUploadReminderTime',
    'summary',
    'reviews',
    REQUESTS,
    'sites',
    'glycemicRanges',
  ],
  'diagnosisType',
]);
/** What is shown where a patient has none; other fields are left out then. */
const NONE = Object.entries({ tags: null, dataSources: null, reviews: [], sites: [] }).map(
  ([name, none]) => [name, `"${name}":${JSON.stringify(none)},`] as const,
);
/** As if they were not there when they are empty. */
const NONE_WHEN_EMPTY: ReadonlySet<string> = new Set(['tags', 'permissions']);
const EMPTY_LENGTH = 5;

function writePatient(page: JsonBytes, document: Buffer): void {
  const there = new Set<string>();
  let requests: number | undefined;
  page.json('{');
  visitFields(document, 0, (type, nameAt, nameEnd, at) => {
    const name = SHOWN.at(document, nameAt, nameEnd);
    if (name === undefined || (NONE_WHEN_EMPTY.has(name) && document.readInt32LE(at) === EMPTY_LENGTH)) return;
    if (name === REQUESTS) return void (requests = at);
    there.add(name);
    page.json(name === 'userId' ? '"id":' : `"${name}":`);
    page.value(type, document, at);
    page.json(',');
  });
  for (const [name, none] of NONE) if (!there.has(name)) page.json(none);
  writeRequests(page, document, requests);
  page.json('}');
}

const PROVIDER_NAMES = new FieldNames(PROVIDERS);
const NO_REQUESTS = `"${REQUESTS}":${JSON.stringify(Object.fromEntries(PROVIDERS.map((provider) => [provider, []])))}`;

/** Each provider has its list of requests, also an empty one. */
function writeRequests(page: JsonBytes, document: Buffer, requests: number | undefined): void {
  if (requests === undefined) return page.json(NO_REQUESTS);
  const lists = new Map<string | undefined, number>();
  visitFields(document, requests, (_type, nameAt, nameEnd, at) =>
    lists.set(PROVIDER_NAMES.at(document, nameAt, nameEnd), at),
  );
  page.json(`"${REQUESTS}":{`);
  for (const [i, provider] of PROVIDERS.entries()) {
    page.json(`${i > 0 ? ',' : ''}"${provider}":`);
    const list = lists.get(provider);
    if (list === undefined) page.json('[]');
    else page.value(TYPE.array, document, list);
  }
  page.json('}');
}
