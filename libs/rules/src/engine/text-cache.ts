// What was found in texts, kept over batches: a host says the same paths and commands again and again. Two generations: what is not
// asked for while the younger one fills up is forgotten.

/** Texts of one generation; longer texts than this are not kept, characters. */
const TEXTS_MAX = 16_384;
const LENGTH_MAX = 512;

export class TextCache<Found> {
  private young = new Map<string, Found>();
  private old = new Map<string, Found>();

  constructor(private readonly find: (text: string) => Found) {}

  of(text: string): Found {
    const known = this.young.get(text);
    if (known !== undefined) return known;
    const found = this.old.get(text) ?? this.find(text);
    if (text.length > LENGTH_MAX) return found;
    if (this.young.size >= TEXTS_MAX) [this.old, this.young] = [this.young, new Map<string, Found>()];
    this.young.set(text, found);
    return found;
  }
}
