import { Injectable } from '@nestjs/common';
import { FairQueue, TooManyRequests } from '@caregate/service';

/** What is read of a page at once. */
export const BATCH = 101;
const SMALL_BYTES = 1_048_576;
const AT_ONCE = 2;
const MOST_WAITING = 8;
const MOST_WAITING_OF_ONE = 3;

/** A cursor of documents as MongoDB sends them. */
export interface Documents {
  hasNext(): Promise<boolean>;
  readBufferedDocuments(): unknown[];
  close(): Promise<void>;
}

/**
 * Reads pages of patients. A page may be a whole clinic, and its patients as large as the contract allows, so that a few requests would fill
 * the memory of the app and keep it busy for everybody. What is more than a megabyte is read in turn: two pages at a time, one of a tenant. A few may
 * wait, as those hold a place of the app; more are refused.
 */
@Injectable()
export class LargePages {
  private readonly queue = new FairQueue({ places: AT_ONCE, perTenant: 1 });

  /** @throws {TooManyRequests} when too many large pages are wanted at once */
  async read(documents: Documents, tenant: () => Promise<string>): Promise<readonly Buffer[]> {
    const found: Buffer[] = [];
    try {
      if (!(await readOn(documents, found, SMALL_BYTES))) return found;
      await this.inTurn(await tenant(), () => readOn(documents, found, Number.POSITIVE_INFINITY));
      return found;
    } finally {
      await documents.close();
    }
  }

  async inTurn<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    if (this.queue.pendingOf(tenant) >= MOST_WAITING_OF_ONE || this.queue.pendingCount >= MOST_WAITING)
      throw new TooManyRequests('there are too many large pages at once; ask for fewer patients by limit, or again', 1);
    return this.queue.run({ tenant }, work);
  }
}

/** Reads on, until there are more than `most` bytes; tells whether there is more to read. */
async function readOn(documents: Documents, found: Buffer[], most: number): Promise<boolean> {
  let bytes = 0;
  while (await documents.hasNext()) {
    if (bytes > most) return true;
    for (const document of documents.readBufferedDocuments() as Buffer[]) {
      // `raw` gives bytes
      bytes += document.length;
      found.push(document);
    }
  }
  return false;
}
