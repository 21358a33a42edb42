// What the atoms say of one batch. A text is walked over once, for all rules together; what needs more than that is asked once for each
// entry of its field's domain, and remembered.
import type { Atom, AtomTable } from './atoms.ts';
import type { Domain, Field, Rows } from './field.ts';
import { LiteralIndex, isAscii } from './literal-index.ts';
import { fold, type FieldText } from './fold.ts';
import type { Test } from './test.ts';
import { TextCache } from './text-cache.ts';

/** Memory cells hold round × 2 + verdict; before they would overflow 32 bits all are cleared. */
const ROUND_MAX = 0x7fff_fffe;
const NONE: readonly number[] = [];

export class Verdicts<Batch extends Rows> {
  private batch!: Batch;
  private round = 0;
  private readonly index: LiteralIndex;
  /** By literal: the tests that have it. */
  private readonly testsOf: readonly (readonly number[])[];
  /** By test: the indexed atoms it makes true. */
  private readonly atomsOf: readonly (readonly number[])[];
  /** Of atoms that are not indexed, by entry. */
  private readonly memory = new Map<number, Uint32Array>();
  /** By field and entry. */
  private texts = new Map<Field<Batch>, (readonly FieldText[])[]>();
  private dictionary: FieldText[] = [];
  /** By entry of the dictionary: the indexed atoms that its text makes true, of whatever field. */
  private ofText: (readonly number[])[] = [];
  private readonly found = new TextCache((raw: string) => this.search(fold(raw)));
  /** Literals of the text that is searched. */
  private readonly literals: number[] = [];
  private readonly note = (literal: number): unknown => this.literals.push(literal);
  private ofEntries = new Map<Field<Batch>, (readonly number[])[]>();

  constructor(private readonly table: AtomTable<Field<Batch>>) {
    const used = new Set(table.atoms.flatMap((atom) => (atom.kind === 'text' && atom.indexed ? atom.tests : [])));
    const sharing = Map.groupBy(used, (test) => {
      const { literal, atStart, atEnd } = table.testAt(test);
      return `${Number(atStart)}${Number(atEnd)}${literal}`;
    });
    this.testsOf = [...sharing.values()];
    this.index = new LiteralIndex(
      this.testsOf.map(([test = 0]) => {
        const { literal, atStart, atEnd } = table.testAt(test);
        return { text: literal, atStart, atEnd };
      }),
    );
    this.atomsOf = atomsByTest(table);
  }

  begin(batch: Batch): void {
    this.batch = batch;
    this.round += 1;
    if (this.round >= ROUND_MAX) {
      this.round = 1;
      for (const cells of this.memory.values()) cells.fill(0);
    }
    this.texts = new Map();
    this.dictionary = new Array<FieldText>(batch.textCount);
    this.ofText = new Array<readonly number[]>(batch.textCount);
    this.ofEntries = new Map();
  }

  /** The indexed atoms that are true of the field's entry. Those of a dictionary entry may be of other fields, too. */
  truths(field: Field<Batch>, entry: number): readonly number[] {
    if (field.domain === 'text') return (this.ofText[entry] ??= this.searchEntry(field, entry));
    let known = this.ofEntries.get(field);
    if (!known) this.ofEntries.set(field, (known = []));
    return (known[entry] ??= this.searchAll(field, entry));
  }

  /** Where the text lies; a string is made of it only when it contains a literal. */
  private searchEntry(field: Field<Batch>, entry: number): readonly number[] {
    const { dictionary } = this.batch;
    if (dictionary === undefined) return this.searchAll(field, entry);
    const text = { bytes: dictionary.bytes, start: dictionary.starts[entry] ?? 0, end: dictionary.ends[entry] ?? 0 };
    if (!isAscii(text)) return this.searchAll(field, entry);
    this.index.search(text, this.note);
    return this.literals.length === 0 ? NONE : this.announced(this.textOf(field, entry));
  }

  /** What several texts make true is there several times: to find that out would cost more. */
  private searchAll(field: Field<Batch>, entry: number): readonly number[] {
    let all = NONE;
    for (const text of field.texts(this.batch, entry)) {
      const atoms = this.found.of(text);
      if (atoms.length > 0) all = all.length === 0 ? atoms : all.concat(atoms);
    }
    return all;
  }

  /** Whether the atom is true of what the row refers to. */
  ofRow(number: number, row: number): boolean {
    const atom = this.table.atomAt(number);
    const entry = atom.field.entry(this.batch, row);
    if (atom.kind === 'exists') return atom.field.exists(this.batch, entry);
    if (atom.kind === 'fields') return this.compare(atom, entry, row);
    if (atom.indexed) return this.truths(atom.field, entry).includes(number);
    return atom.field.domain === 'row' ? this.ask(atom.tests, atom.field, entry) : this.remembered(number, atom, entry);
  }

  fieldOf(number: number): Field<Batch> {
    return this.table.atomAt(number).field;
  }

  /** The row's texts that made the atom true. */
  matching(number: number, row: number): string[] {
    const atom = this.table.atomAt(number);
    const texts = this.textsOf(atom.field, atom.field.entry(this.batch, row));
    const { table } = this;
    const isTrue = (text: FieldText): boolean =>
      atom.kind !== 'text' || atom.tests.some((test) => table.testAt(test).holds(text));
    return texts.filter(isTrue).map((text) => text.raw);
  }

  private search(text: FieldText): readonly number[] {
    const bytes = Buffer.from(text.folded);
    this.index.search({ bytes, start: 0, end: bytes.length }, this.note);
    return this.literals.length === 0 ? NONE : this.announced(text);
  }

  /** The atoms that the text makes true, of those that the literals found in it announce. */
  private announced(text: FieldText): readonly number[] {
    const atoms = new Set<number>();
    for (const literal of this.literals) {
      for (const test of this.testsOf[literal] ?? NONE) {
        if (!this.table.testAt(test).holds(text)) continue;
        for (const atom of this.atomsOf[test] ?? NONE) atoms.add(atom);
      }
    }
    this.literals.length = 0;
    return atoms.size === 0 ? NONE : [...atoms];
  }

  private remembered(number: number, atom: Atom<Field<Batch>> & { kind: 'text' }, entry: number): boolean {
    const cells = this.cellsOf(number, atom.field.domain, entry);
    const cell = cells[entry] ?? 0;
    if (cell >>> 1 === this.round) return (cell & 1) === 1;
    const verdict = this.ask(atom.tests, atom.field, entry);
    cells[entry] = this.round * 2 + Number(verdict);
    return verdict;
  }

  private ask(tests: readonly number[], field: Field<Batch>, entry: number): boolean {
    const texts = this.textsOf(field, entry);
    return tests.some((test) => holdsAny(this.table.testAt(test), texts));
  }

  private compare(atom: Atom<Field<Batch>> & { kind: 'fields' }, entry: number, row: number): boolean {
    const others = this.textsOf(atom.other, atom.other.entry(this.batch, row));
    const texts = this.textsOf(atom.field, entry);
    return texts.some((text) => others.some((other) => atom.compare(text.raw, other.raw)));
  }

  private textsOf(field: Field<Batch>, entry: number): readonly FieldText[] {
    if (field.domain === 'row') return field.texts(this.batch, entry).map(fold);
    let known = this.texts.get(field);
    if (!known) this.texts.set(field, (known = []));
    return (known[entry] ??= this.foldedOf(field, entry));
  }

  private foldedOf(field: Field<Batch>, entry: number): readonly FieldText[] {
    return field.domain === 'list' ? field.texts(this.batch, entry).map(fold) : [this.textOf(field, entry)];
  }

  /** Of a field of the dictionary. */
  private textOf(field: Field<Batch>, entry: number): FieldText {
    return (this.dictionary[entry] ??= fold(field.texts(this.batch, entry)[0] ?? ''));
  }

  private cellsOf(atom: number, domain: Domain, entry: number): Uint32Array {
    const cells = this.memory.get(atom);
    if (cells && entry < cells.length) return cells;
    const count = domain === 'text' ? this.batch.textCount : this.batch.listCount;
    const grown = new Uint32Array(Math.max(count, entry + 1, 64));
    if (cells) grown.set(cells);
    this.memory.set(atom, grown);
    return grown;
  }
}

function atomsByTest<Batch extends Rows>({ atoms, tests }: AtomTable<Field<Batch>>): number[][] {
  const byTest: number[][] = tests.map(() => []);
  atoms.forEach((atom, number) => {
    if (atom.kind === 'text' && atom.indexed) for (const test of atom.tests) byTest[test]?.push(number);
  });
  return byTest;
}

function holdsAny(test: Test, texts: readonly FieldText[]): boolean {
  return texts.some((text) => test.holds(text));
}
