const WORDS = 6;
const DIGITS = 4;
const NOBODY = -1;

/**
 * Patients by their ids, without a text for each: a hash table of ids, four hex digits to a word. A list looks up tens of thousands of ids
 * and shows ten; texts for all of them would take longer than all else.
 */
export class PatientIndex {
  private words: Uint32Array;
  /** Made when somebody is looked up who is not the next one. */
  private slots: Int32Array | undefined;
  private count = 0;
  private readonly sought = new Uint32Array(WORDS);
  private expected = 0;

  constructor(capacity = 1_024) {
    this.words = new Uint32Array(capacity * WORDS);
  }

  get size(): number {
    return this.count;
  }

  /** Adds the patient whose id in hex stands at `idAt`, in the next place; each patient is added once. */
  add(bytes: Buffer, idAt: number): void {
    this.read(bytes, idAt);
    if ((this.count + 1) * WORDS > this.words.length) this.grow();
    this.words.set(this.sought, this.count * WORDS);
    this.slots = undefined;
    this.count += 1;
  }

  /** The place of the patient whose id in hex stands at `idAt`; -1 when they are not here. */
  placeOf(bytes: Buffer, idAt: number): number {
    this.read(bytes, idAt);
    // Columns have their patients in much the same order, so the next one is often the next one here.
    const place = this.isAt(this.expected, this.sought, 0) ? this.expected : this.found();
    if (place !== NOBODY) this.expected = place + 1;
    return place;
  }

  idAt(place: number): string {
    const digits = Buffer.alloc(WORDS * DIGITS);
    for (let word = 0; word < WORDS; word++) digits.writeUInt32BE(this.words[place * WORDS + word] ?? 0, word * DIGITS);
    return digits.toString('latin1');
  }

  /** By id: who is older comes first. */
  compare(a: number, b: number): number {
    for (let word = 0; word < WORDS; word++) {
      const difference = (this.words[a * WORDS + word] ?? 0) - (this.words[b * WORDS + word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private read(bytes: Buffer, idAt: number): void {
    for (let word = 0, at = idAt; word < WORDS; word++, at += DIGITS) {
      this.sought[word] = bytes.readUInt32BE(at);
    }
  }

  private grow(): void {
    const words = new Uint32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }

  private found(): number {
    const slots = (this.slots ??= this.filledSlots());
    return slots[this.slotOf(slots, this.sought, 0)] ?? NOBODY;
  }

  private filledSlots(): Int32Array {
    const slots = new Int32Array(slotsFor(this.count + 1)).fill(NOBODY);
    for (let place = 0; place < this.count; place++) slots[this.slotOf(slots, this.words, place * WORDS)] = place;
    return slots;
  }

  /** The slot of a patient, or the free one where it would be. */
  private slotOf(slots: Int32Array, from: Uint32Array, at: number): number {
    const mask = slots.length - 1;
    for (let slot = hashOf(from, at); ; slot++) {
      const place = slots[slot & mask] ?? NOBODY;
      if (place === NOBODY || this.isAt(place, from, at)) return slot & mask;
    }
  }

  private isAt(place: number, from: Uint32Array, at: number): boolean {
    if (place >= this.count) return false;
    for (let word = 0; word < WORDS; word++) if (this.words[place * WORDS + word] !== from[at + word]) return false;
    return true;
  }
}

function hashOf(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let word = 0; word < WORDS; word++) hash = Math.imul(hash ^ (words[at + word] ?? 0), 0x9e3779b1);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** A power of two, at most half of it in use. */
const slotsFor = (capacity: number) => 2 ** Math.ceil(Math.log2(capacity * 2));
