// What the atoms say of one batch: each asked once for each entry of its field's domain, and remembered.
import type { RuleBatch } from './batch.ts';
import type { Atom } from './compile.ts';
import type { Field } from './fields.ts';
import type { FieldText } from './pattern.ts';

/** Memory cells hold round × 2 + verdict; before they would overflow 32 bits all are cleared. */
const ROUND_MAX = 0x7fff_fffe;

export class Verdicts {
  private batch!: RuleBatch;
  private round = 0;
  private readonly memory: Uint32Array[];
  private texts = new Map<string, readonly FieldText[]>();
  private dictionary: (FieldText | undefined)[] = [];

  constructor(private readonly atoms: readonly Atom[]) {
    this.memory = atoms.map(() => new Uint32Array(0));
  }

  begin(batch: RuleBatch): void {
    this.batch = batch;
    this.round += 1;
    if (this.round >= ROUND_MAX) {
      this.round = 1;
      for (const cells of this.memory) cells.fill(0);
    }
    this.texts = new Map();
    this.dictionary = new Array<FieldText | undefined>(batch.textCount);
  }

  /** Whether the atom is true of what the row refers to. */
  ofRow(atom: number, row: number): boolean {
    const { field } = this.atomAt(atom);
    const entry = field.entry(this.batch, row);
    return field.domain === 'row' ? this.ask(atom, entry) : this.ofEntry(atom, entry);
  }

  /** Whether the atom is true of an entry of its field's domain. */
  ofEntry(atom: number, entry: number): boolean {
    const cells = this.cellsOf(atom, entry);
    const cell = cells[entry] ?? 0;
    if (cell >>> 1 === this.round) return (cell & 1) === 1;
    const verdict = this.ask(atom, entry);
    cells[entry] = this.round * 2 + Number(verdict);
    return verdict;
  }

  /** The row's texts that made the atom true. */
  matching(atom: number, row: number): string[] {
    const { field, tests } = this.atomAt(atom);
    const texts = this.textsOf(field, field.entry(this.batch, row));
    return texts.filter((text) => tests.some((test) => test(text))).map((text) => text.raw);
  }

  fieldOf(atom: number): Field {
    return this.atomAt(atom).field;
  }

  private ask(atom: number, entry: number): boolean {
    const { field, tests } = this.atomAt(atom);
    for (const text of this.textsOf(field, entry)) {
      for (const test of tests) if (test(text)) return true;
    }
    return false;
  }

  private textsOf(field: Field, entry: number): readonly FieldText[] {
    if (field.domain === 'text') {
      return [(this.dictionary[entry] ??= fold(field.texts(this.batch, entry)[0] ?? ''))];
    }
    if (field.domain === 'row') return field.texts(this.batch, entry).map(fold);
    const key = `${field.name}:${entry}`;
    let known = this.texts.get(key);
    if (!known) this.texts.set(key, (known = field.texts(this.batch, entry).map(fold)));
    return known;
  }

  private cellsOf(atom: number, entry: number): Uint32Array {
    const cells = this.memory[atom];
    if (cells && entry < cells.length) return cells;
    const { domain } = this.atomAt(atom).field;
    const count = domain === 'text' ? this.batch.textCount : this.batch.processCount;
    const grown = new Uint32Array(Math.max(count, entry + 1, 64));
    if (cells) grown.set(cells);
    this.memory[atom] = grown;
    return grown;
  }

  private atomAt(atom: number): Atom {
    const found = this.atoms[atom];
    if (!found) throw new RangeError(`No atom ${atom}`);
    return found;
  }
}

function fold(raw: string): FieldText {
  return { raw, folded: raw.toLowerCase() };
}
