/** Of an id in hex. */
const LENGTH = 24;
const NOBODY = -1;

/**
 * The patients of a clinic by their ids, each at a place that stays theirs, without a text for each: what is known of ten thousand patients
 * is then kept in arrays, by place, and questions about them need no look-up of ids.
 */
export class PatientIndex {
  /** One after the other, in hex. */
  private ids = Buffer.alloc(64 * LENGTH);
  /** A hash table of places, at most half of it in use. */
  private slots = new Int32Array(256).fill(NOBODY);
  private count = 0;
  private expected = 0;

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.ids.length + this.slots.byteLength;
  }

  /** The place of the patient whose id in hex stands at `idAt`; a new one for who has none. */
  placeFor(bytes: Buffer, idAt: number): number {
    // Columns have their patients in much the same order, so the next one is often the next one here.
    const isNext = this.expected < this.count && this.isAt(this.expected, bytes, idAt);
    const place = isNext ? this.expected : this.foundOrAdded(bytes, idAt);
    this.expected = place + 1;
    return place;
  }

  idAt(place: number): string {
    return this.ids.toString('latin1', place * LENGTH, (place + 1) * LENGTH);
  }

  /** By id: who is older comes first. */
  compare(a: number, b: number): number {
    const { ids } = this;
    return ids.compare(ids, b * LENGTH, (b + 1) * LENGTH, a * LENGTH, (a + 1) * LENGTH);
  }

  private foundOrAdded(bytes: Buffer, idAt: number): number {
    const slot = this.slotOf(bytes, idAt);
    const place = this.slots[slot] ?? NOBODY;
    return place === NOBODY ? this.add(bytes, idAt, slot) : place;
  }

  private add(bytes: Buffer, idAt: number, slot: number): number {
    const place = this.count++;
    if (this.count * LENGTH > this.ids.length) this.ids = Buffer.concat([this.ids], this.ids.length * 2);
    bytes.copy(this.ids, place * LENGTH, idAt, idAt + LENGTH);
    this.slots[slot] = place;
    if (this.count * 2 > this.slots.length) this.growSlots();
    return place;
  }

  private growSlots(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(NOBODY);
    for (let place = 0; place < this.count; place++) this.slots[this.slotOf(this.ids, place * LENGTH)] = place;
  }

  /** The slot of a patient, or the free one where they would be. */
  private slotOf(bytes: Buffer, idAt: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let slot = hashOf(bytes, idAt); ; slot++) {
      const place = slots[slot & mask] ?? NOBODY;
      if (place === NOBODY || this.isAt(place, bytes, idAt)) return slot & mask;
    }
  }

  /** From the end, where ids differ most. */
  private isAt(place: number, bytes: Buffer, idAt: number): boolean {
    const { ids } = this;
    const at = place * LENGTH;
    for (let i = LENGTH - 1; i >= 0; i--) if (ids[at + i] !== bytes[idAt + i]) return false;
    return true;
  }
}

function hashOf(bytes: Buffer, idAt: number): number {
  let hash = 0;
  for (let at = idAt; at < idAt + LENGTH; at += 4) hash = Math.imul(hash ^ bytes.readUInt32BE(at), 0x9e3779b1);
  return (hash ^ (hash >>> 15)) >>> 0;
}
