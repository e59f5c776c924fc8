/** A stage of an aggregation pipeline, as JSON. */
export type Stage = Readonly<Record<string, unknown>>;

/** Which part of a collection's changes leaves the database. */
export interface Projection {
  /** Paths of the document that some consumer uses; nothing else is sent. `_id` always is. */
  readonly fields: readonly string[];
  /** Updates that touch none of these paths are not sent at all. Default: `fields`. */
  readonly watched?: readonly string[];
}

/**
 * For consumers that react to a change: which of the watched fields it touched, by name, and the document's `fields` after it. Values of
 * other fields never leave the database, and an event's size does not depend on what its document holds.
 */
export function changePipeline({ fields, watched = fields }: Projection): Stage[] {
  return [
    ...relevantChanges(watched),
    {
      $project: {
        ...envelope,
        operationType: operationType('update'),
        wallTime: 1,
        changedSince: '$fullDocument.changedSince',
        // Of a write in a transaction: by these its trace is found.
        'lsid.id': 1,
        txnNumber: 1,
        ...paths('fullDocument', fields),
        changed: { $concatArrays: watched.map((field) => whenTouched(field)) },
      },
    },
  ];
}

/** Of a whole document that is new: the fields that it has. */
const whenTouched = (field: string): Stage => ({
  $cond: [
    {
      $cond: [
        { $eq: ['$operationType', 'update'] },
        touches([field]),
        { $ne: [{ $ifNull: [`$fullDocument.${field}`, null] }, null] },
      ],
    },
    [field],
    [],
  ],
});

/** A collection whose events say how far a stream has come, and the field that says it. */
export interface Watermarks {
  readonly collection: string;
  readonly field: string;
}

/**
 * For a replica: every event holds the whole row, updates are sent as replacements. The connector's post-processors do not filter on
 * the way to the other database, so the projection at the source is what keeps names and birth dates out (behaviour, "Gatekeeper").
 * @param replicas collection → the name of its replica, which the events carry as their collection
 */
export function replicaPipeline(
  { fields, watched = fields }: Projection,
  replicas: Readonly<Record<string, string>>,
  watermarks?: Watermarks,
): Stage[] {
  return [
    { $match: { 'ns.coll': { $in: Object.keys(replicas) } } },
    ...relevantChanges(watched),
    ...(watermarks ? [withOwnValue(watermarks)] : []),
    {
      $project: {
        ...envelope,
        ns: { db: '$ns.db', coll: { $switch: { branches: renamed(replicas) } } },
        operationType: operationType('replace'),
        ...paths('fullDocument', fields),
      },
    },
  ];
}

/**
 * A watermark says what its own event set. The document that MongoDB looks up for an update is the one of the moment of the look-up: a source
 * that is behind would send the newest watermark with the event of an older one, before the rows that lie between the two.
 */
const withOwnValue = ({ collection, field }: Watermarks): Stage => ({
  $set: {
    fullDocument: {
      $cond: [
        { $and: [{ $eq: ['$ns.coll', collection] }, { $eq: ['$operationType', 'update'] }] },
        { _id: '$documentKey._id', [field]: `$updateDescription.updatedFields.${field}` },
        '$fullDocument',
      ],
    },
  },
});

const renamed = (replicas: Readonly<Record<string, string>>) =>
  Object.entries(replicas).map(([collection, replica]) => ({ case: { $eq: ['$ns.coll', collection] }, then: replica }));

const envelope = { _id: 1, clusterTime: 1, ns: 1, 'documentKey._id': 1 };

/** In bytes of BSON. The most wasteful values become some twelve times as long in JSON, which still fits into a message. */
const LARGEST_DOCUMENT = 512 * 1024;

/** In bytes of BSON. Ours are ObjectIds and short strings; an event holds its document's id several times. */
const LARGEST_ID = 1024;

const documentBytes = { $bsonSize: { $ifNull: ['$fullDocument', {}] } };
const isLarge = { $gt: [documentBytes, LARGEST_DOCUMENT] };

/**
 * The last stage of every source: a document that is too large to be sent stays behind, and the event says how large it is. Its consumer
 * takes such an event for malformed and puts it to the dead letters; sent whole, it would stop its source for good, and all events behind it.
 */
export const WITHOUT_LARGE_DOCUMENT: Stage = {
  $set: {
    documentBytes: { $cond: [isLarge, documentBytes, '$$REMOVE'] },
    fullDocument: { $cond: [isLarge, '$$REMOVE', '$fullDocument'] },
  },
};

/**
 * Filters by what the event itself says, never by the looked-up document: on resuming, MongoDB looks the document of the last event up
 * again, and an event that then falls through the filter makes it refuse the resume token (measured: error 280, although nothing was lost).
 */
function relevantChanges(watched: readonly string[]): Stage[] {
  return [
    { $match: { operationType: { $in: ['insert', 'update', 'replace', 'delete'] } } },
    { $match: { $expr: { $lte: [{ $bsonSize: '$documentKey' }, LARGEST_ID] } } },
    { $match: { $or: [{ operationType: { $ne: 'update' } }, { $expr: touches(watched) }] } },
  ];
}

/**
 * An update whose document is gone when it is looked up comes without a document, which the sink can not work off (measured: its task
 * fails and stays failed). Such an update is sent as what it shows, the deletion; the deletion's own event follows and finds nothing left.
 */
const operationType = (update: string) => ({
  $cond: [
    { $eq: ['$operationType', 'update'] },
    { $cond: [{ $eq: [{ $type: '$fullDocument._id' }, 'missing'] }, 'delete', update] },
    '$operationType',
  ],
});

const updatedPairs = { $objectToArray: { $ifNull: ['$updateDescription.updatedFields', {}] } };
const removedFields = { $ifNull: ['$updateDescription.removedFields', []] };
const truncatedArrays = { $ifNull: ['$updateDescription.truncatedArrays', []] };

function touches(watched: readonly string[]): Stage {
  const changed = {
    $concatArrays: [
      { $map: { input: updatedPairs, in: '$$this.k' } },
      removedFields,
      { $map: { input: truncatedArrays, in: '$$this.field' } },
    ],
  };
  return { $anyElementTrue: { $map: { input: changed, in: isWatched('$$this', watched) } } };
}

/** Changed paths are dotted (`permissions.view`, `rolesUpdates.1`); a watched path covers itself and all below it. */
function isWatched(path: string, watched: readonly string[]): Stage {
  return { $regexMatch: { input: path, regex: `^(${watched.map(escaped).join('|')})(\\.|$)` } };
}

const escaped = (path: string) => path.replaceAll('.', '\\.');

const paths = (parent: string, fields: readonly string[]) =>
  Object.fromEntries(['_id', ...fields].map((field) => [`${parent}.${field}`, 1]));
