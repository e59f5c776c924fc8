import { BadRequest, PayloadTooLarge } from '../errors.ts';

/** The most that a body may have, in bytes. */
export const BODY_LIMIT = 1024 * 1024;
export const bodyTooLarge = () => new PayloadTooLarge('request body has an error: it is larger than 1 MiB');
/** In how many pieces a body may come: each costs time of its own, however small it is. A client that writes a kilobyte at a time needs 1 024. */
const MOST_PIECES = 10_000;
const FIRST_BYTES = 1_024;

/** Gathers a body. Its pieces are copied together, as each of them by itself takes a few hundred bytes more than it has. */
export class BodyBuffer {
  private buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private length = 0;
  private pieces = 0;

  /** @throws {PayloadTooLarge | BadRequest} when it is more than a body may be, in bytes or in pieces */
  append(piece: Buffer): void {
    this.pieces += 1;
    if (this.pieces > MOST_PIECES)
      throw new BadRequest('request body has an error: it came in more than 10 000 pieces; send larger ones');
    const length = this.length + piece.length;
    if (length > BODY_LIMIT) throw bodyTooLarge();
    if (length > this.buffer.length) this.makeRoomFor(length);
    this.length += piece.copy(this.buffer, this.length);
  }

  whole(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private makeRoomFor(length: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(length, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
