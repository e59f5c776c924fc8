const WORDS = 3;
const DIGITS = 8;
const NOBODY = -1;

/** The value of a hex digit by its character. */
const DIGIT = new Uint8Array(128);
for (const [value, digit] of [...'0123456789abcdef'].entries()) DIGIT[digit.charCodeAt(0)] = value;

/**
 * Patients by their ids, without a text for each: a hash table of ids as three words of 32 bits. A list looks up tens of thousands of ids
 * and shows ten; texts for all of them would take longer than all else.
 */
export class PatientIndex {
  private words: Uint32Array;
  private slots: Int32Array;
  private count = 0;
  private readonly sought = new Uint32Array(WORDS);

  constructor(capacity = 1_024) {
    this.words = new Uint32Array(capacity * WORDS);
    this.slots = new Int32Array(slotsFor(capacity)).fill(NOBODY);
  }

  get size(): number {
    return this.count;
  }

  /** Adds the patient whose id in hex stands at `idAt`, in the next place; each patient is added once. */
  add(bytes: Buffer, idAt: number): void {
    this.read(bytes, idAt);
    this.append(this.sought, 0);
  }

  /** The place of the patient whose id in hex stands at `idAt`; -1 when they are not here. */
  placeOf(bytes: Buffer, idAt: number): number {
    this.read(bytes, idAt);
    return this.slots[this.slotOf(this.sought, 0)] ?? NOBODY;
  }

  /** The patients whose places are marked, in the same order. */
  only(isKept: Uint8Array): PatientIndex {
    const kept = new PatientIndex(this.count);
    for (let place = 0; place < this.count; place++) if (isKept[place] === 1) kept.append(this.words, place * WORDS);
    return kept;
  }

  idAt(place: number): string {
    return Array.from(this.words.subarray(place * WORDS, (place + 1) * WORDS), (word) =>
      word.toString(16).padStart(DIGITS, '0'),
    ).join('');
  }

  compare(a: number, b: number): number {
    for (let word = 0; word < WORDS; word++) {
      const difference = (this.words[a * WORDS + word] ?? 0) - (this.words[b * WORDS + word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private read(bytes: Buffer, idAt: number): void {
    for (let word = 0, at = idAt; word < WORDS; word++) {
      let value = 0;
      for (const end = at + DIGITS; at < end; at++) value = (value << 4) | (DIGIT[bytes[at] ?? 0] ?? 0);
      this.sought[word] = value;
    }
  }

  private append(from: Uint32Array, at: number): void {
    if ((this.count + 1) * WORDS > this.words.length) this.grow();
    this.slots[this.slotOf(from, at)] = this.count;
    for (let word = 0; word < WORDS; word++) this.words[this.count * WORDS + word] = from[at + word] ?? 0;
    this.count += 1;
  }

  private grow(): void {
    const words = new Uint32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
    this.slots = new Int32Array(slotsFor(words.length / WORDS)).fill(NOBODY);
    for (let place = 0; place < this.count; place++) this.slots[this.slotOf(words, place * WORDS)] = place;
  }

  /** The slot of a patient, or the free one where it would be. */
  private slotOf(from: Uint32Array, at: number): number {
    const { slots, words } = this;
    const [first = 0, second = 0, third = 0] = [from[at], from[at + 1], from[at + 2]];
    const mask = slots.length - 1;
    // Ids differ most in the count at their end.
    for (let slot = Math.imul(first ^ second ^ Math.imul(third, 0x9e3779b1), 0x85ebca6b) >>> 7; ; slot++) {
      const place = slots[slot & mask] ?? NOBODY;
      if (place === NOBODY) return slot & mask;
      const word = place * WORDS;
      if (words[word] === first && words[word + 1] === second && words[word + 2] === third) return slot & mask;
    }
  }
}

/** A power of two, at most half of it in use. */
const slotsFor = (capacity: number) => 2 ** Math.ceil(Math.log2(Math.max(capacity, 1) * 2));
