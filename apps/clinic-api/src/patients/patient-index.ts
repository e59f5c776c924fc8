/** Of an id in hex. */
const LENGTH = 24;
const NOBODY = -1;
/** Numbers that are kept of each patient: in which bytes their id stands, and where there. */
const KEPT = 2;

/**
 * Patients by their ids, without a text for each, nor a copy: where each id stands in the sheets, and a hash table of that. A list looks up
 * tens of thousands of ids and shows ten; texts for all of them would take longer than all else.
 */
export class PatientIndex {
  private readonly sheets: Buffer[] = [];
  private kept: Int32Array;
  /** Made when somebody is looked up who is not the next one. */
  private slots: Int32Array | undefined;
  private count = 0;
  private expected = 0;

  constructor(capacity = 4_096) {
    this.kept = new Int32Array(capacity * KEPT);
  }

  get size(): number {
    return this.count;
  }

  /** Adds the patient whose id in hex stands at `idAt`, in the next place; each patient is added once. */
  add(bytes: Buffer, idAt: number): void {
    if (this.sheets.at(-1) !== bytes) this.sheets.push(bytes);
    if ((this.count + 1) * KEPT > this.kept.length) this.grow();
    this.kept[this.count * KEPT] = this.sheets.length - 1;
    this.kept[this.count * KEPT + 1] = idAt;
    this.slots = undefined;
    this.count += 1;
  }

  /** The place of the patient whose id in hex stands at `idAt`; -1 when they are not here. */
  placeOf(bytes: Buffer, idAt: number): number {
    // Columns have their patients in much the same order, so the next one is often the next one here.
    const isNext = this.expected < this.count && this.isAt(this.expected, bytes, idAt);
    const place = isNext ? this.expected : this.found(bytes, idAt);
    if (place !== NOBODY) this.expected = place + 1;
    return place;
  }

  idAt(place: number): string {
    const at = this.startOf(place);
    return this.bytesOf(place).toString('latin1', at, at + LENGTH);
  }

  /** By id: who is older comes first. */
  compare(a: number, b: number): number {
    const [bytesA, bytesB, atA, atB] = [this.bytesOf(a), this.bytesOf(b), this.startOf(a), this.startOf(b)];
    for (let i = 0; i < LENGTH; i++) {
      const difference = (bytesA[atA + i] ?? 0) - (bytesB[atB + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private bytesOf(place: number): Buffer {
    return this.sheets[this.kept[place * KEPT] ?? 0] ?? NOTHING;
  }

  private startOf(place: number): number {
    return this.kept[place * KEPT + 1] ?? 0;
  }

  private grow(): void {
    const kept = new Int32Array(this.kept.length * 2);
    kept.set(this.kept);
    this.kept = kept;
  }

  private found(bytes: Buffer, idAt: number): number {
    const slots = (this.slots ??= this.filledSlots());
    return slots[this.slotOf(slots, bytes, idAt)] ?? NOBODY;
  }

  private filledSlots(): Int32Array {
    const slots = new Int32Array(slotsFor(this.count + 1)).fill(NOBODY);
    for (let place = 0; place < this.count; place++)
      slots[this.slotOf(slots, this.bytesOf(place), this.startOf(place))] = place;
    return slots;
  }

  /** The slot of a patient, or the free one where it would be. */
  private slotOf(slots: Int32Array, bytes: Buffer, idAt: number): number {
    const mask = slots.length - 1;
    for (let slot = hashOf(bytes, idAt); ; slot++) {
      const place = slots[slot & mask] ?? NOBODY;
      if (place === NOBODY || this.isAt(place, bytes, idAt)) return slot & mask;
    }
  }

  /** From the end, where ids differ most. */
  private isAt(place: number, bytes: Buffer, idAt: number): boolean {
    const [known, at] = [this.bytesOf(place), this.startOf(place)];
    for (let i = LENGTH - 1; i >= 0; i--) if (known[at + i] !== bytes[idAt + i]) return false;
    return true;
  }
}

const NOTHING = Buffer.alloc(0);

function hashOf(bytes: Buffer, idAt: number): number {
  let hash = 0;
  for (let at = idAt; at < idAt + LENGTH; at += 4) hash = Math.imul(hash ^ bytes.readUInt32BE(at), 0x9e3779b1);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** A power of two, at most half of it in use. */
const slotsFor = (capacity: number) => 2 ** Math.ceil(Math.log2(capacity * 2));
