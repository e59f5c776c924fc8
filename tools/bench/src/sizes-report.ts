import { digits, markdown } from './rows.ts';

export interface CollectionSize {
  readonly name: string;
  readonly documents: number;
  /** Uncompressed, together. */
  readonly bytes: number;
  /** On disk, compressed. */
  readonly storedBytes: number;
  readonly indexes: Readonly<Record<string, number>>;
}

export interface SizeFigures {
  readonly patients: number;
  readonly collections: readonly CollectionSize[];
  /** Bytes of oplog entries for one write of each kind, all that it does together. */
  readonly oplogBytes: Readonly<Record<string, number>>;
}

const KIB = 1_024;

export const indexBytes = ({ indexes }: CollectionSize): number =>
  Object.values(indexes).reduce((sum, bytes) => sum + bytes, 0);

export function sizesTable({ patients, collections, oplogBytes }: SizeFigures): string {
  const shown = collections.filter(({ documents }) => documents > 0).sort((a, b) => b.bytes - a.bytes);
  return [
    `One clinic of ${patients} patients, four in five with summaries:`,
    markdown(
      [
        'collection',
        'documents',
        'bytes each',
        'on disk, bytes each',
        'indexes, bytes each',
        'per patient, bytes: data on disk + indexes',
      ],
      shown.map((collection) => [
        collection.name,
        String(collection.documents),
        digits(collection.bytes / collection.documents),
        digits(collection.storedBytes / collection.documents),
        digits(indexBytes(collection) / collection.documents),
        digits((collection.storedBytes + indexBytes(collection)) / patients),
      ]),
    ),
    'Oplog, bytes a write:',
    markdown(
      ['write', 'oplog, KiB'],
      Object.entries(oplogBytes).map(([write, bytes]) => [write, (bytes / KIB).toFixed(1)]),
    ),
  ].join('\n\n');
}
