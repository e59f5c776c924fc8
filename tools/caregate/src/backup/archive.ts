import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import mongoose from 'mongoose';
import { z } from 'zod';
import { CommandFailed } from '../command-failed.ts';

const { BSON } = mongoose.mongo;

const MANIFEST = 'manifest.json';
const VERSION = 1;

const collection = z.object({
  name: z.string(),
  documents: z.number(),
  /** Of the documents as they are, before they are compressed. */
  bytes: z.number(),
  sha256: z.string(),
});
const manifest = z.object({
  version: z.literal(VERSION),
  database: z.string(),
  /** The state of the database at this time, seconds and increment of its cluster time. */
  clusterTime: z.object({ t: z.number(), i: z.number() }),
  beganTime: z.string(),
  endedTime: z.string(),
  collections: z.array(collection),
});

export type Manifest = z.output<typeof manifest>;
export type StoredCollection = z.output<typeof collection>;

/** What a collection is made with, as MongoDB gives it. */
export interface Metadata {
  readonly options: mongoose.mongo.Document;
  readonly indexes: mongoose.mongo.Document[];
}

/**
 * A backup is a folder: of each collection its documents as BSON and its options and indexes as extended JSON, both compressed and laid out as
 * `mongodump --gzip` does; and a manifest, written last. A folder without one is no backup.
 */
export class Archive {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws {CommandFailed} when there is something in the folder already */
  async begin(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    if ((await readdir(this.folder)).length > 0)
      throw new CommandFailed(`${this.folder} is not empty; a backup wants a folder of its own`);
  }

  async write(name: string, documents: AsyncIterable<Uint8Array>, metadata: Metadata): Promise<StoredCollection> {
    const hash = createHash('sha256');
    let [count, bytes] = [0, 0];
    const counted = async function* () {
      for await (const document of documents) {
        hash.update(document);
        count += 1;
        bytes += document.byteLength;
        yield document;
      }
    };
    await pipeline(Readable.from(counted()), createGzip(), createWriteStream(this.documentsOf(name), { mode: 0o600 }));
    const text = BSON.EJSON.stringify({ ...metadata, collectionName: name }, undefined, 0, { relaxed: false });
    await pipeline(Readable.from([text]), createGzip(), createWriteStream(this.metadataOf(name), { mode: 0o600 }));
    return { name, documents: count, bytes, sha256: hash.digest('hex') };
  }

  async finish(what: Omit<Manifest, 'version'>): Promise<void> {
    const draft = join(this.folder, `.${MANIFEST}`);
    await writeFile(draft, `${JSON.stringify({ version: VERSION, ...what }, undefined, 2)}\n`, { mode: 0o600 });
    await rename(draft, join(this.folder, MANIFEST));
  }

  /** @throws {CommandFailed} when this is no whole backup */
  async manifest(): Promise<Manifest> {
    const text = await readFile(join(this.folder, MANIFEST), 'utf8').catch(() => {
      throw new CommandFailed(`${this.folder} is no whole backup: it has no ${MANIFEST}, which is written last`);
    });
    const parsed = manifest.safeParse(jsonIn(text));
    if (!parsed.success) throw new CommandFailed(`${MANIFEST} in ${this.folder} is not one that this version can read`);
    return parsed.data;
  }

  async metadata(name: string): Promise<Metadata> {
    let text = '';
    for await (const chunk of createReadStream(this.metadataOf(name)).pipe(createGunzip())) text += String(chunk);
    return BSON.EJSON.parse(text, { relaxed: false }) as Metadata; // as `write` made it
  }

  /** Reads it all. @throws {CommandFailed} when it is not what was written */
  async verify(stored: StoredCollection): Promise<void> {
    const hash = createHash('sha256');
    let count = 0;
    try {
      for await (const document of this.documents(stored.name)) {
        hash.update(document);
        count += 1;
      }
    } catch (error) {
      throw new CommandFailed(
        `${this.documentsOf(stored.name)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    if (count !== stored.documents || hash.digest('hex') !== stored.sha256)
      throw new CommandFailed(`${this.documentsOf(stored.name)} is not what was written; nothing was restored`);
  }

  /** One after the other, as BSON. */
  async *documents(name: string): AsyncGenerator<Buffer> {
    let rest: Buffer = Buffer.alloc(0);
    const file = createReadStream(this.documentsOf(name));
    const plain = createGunzip();
    file.once('error', (error) => plain.destroy(error));
    for await (const chunk of file.pipe(plain)) {
      rest = Buffer.concat([rest, chunk as Buffer]); // a stream of bytes
      while (rest.length >= SIZE_BYTES && rest.length >= rest.readInt32LE(0)) {
        const size = rest.readInt32LE(0);
        yield rest.subarray(0, size);
        rest = rest.subarray(size);
      }
    }
    if (rest.length > 0) throw new Error('it ends within a document');
  }

  private documentsOf(name: string): string {
    return join(this.folder, `${encodeURIComponent(name)}.bson.gz`);
  }

  private metadataOf(name: string): string {
    return join(this.folder, `${encodeURIComponent(name)}.metadata.json.gz`);
  }
}

/** A BSON document begins with its size. */
const SIZE_BYTES = 4;

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
