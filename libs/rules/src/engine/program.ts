// The rules of one stream, and how a row finds those among them that may be true of it.
import type { AtomTable } from './atoms.ts';
import type { Node } from './compile.ts';
import type { Field, Rows } from './field.ts';
import { requiredAtoms } from './required.ts';
import type { Verdicts } from './verdicts.ts';

/** A rule that was compiled; `number` counts all rules of the engine. */
export interface CompiledRule {
  readonly number: number;
  readonly root: Node;
}

export class Program<Batch extends Rows> {
  /** Those that no atom announces: looked at for each row. */
  private readonly always: CompiledRule[] = [];
  /** By atom that announces them. */
  private readonly byAtom = new Map<number, CompiledRule[]>();
  /** Whose entries announce rules. */
  private fields: readonly Field<Batch>[] = [];
  /** By rule: the row it was taken up for last. */
  private taken = new Float64Array(0);
  private numbers = 0;
  private rows = 0;
  /** Of the row that was asked for last, the first `count`: what is behind them is of rows before. */
  private readonly found: CompiledRule[] = [];
  private count = 0;

  add(rule: CompiledRule, table: AtomTable<Field<Batch>>): void {
    this.numbers = Math.max(this.numbers, rule.number + 1);
    const required = requiredAtoms(rule.root, table);
    if (!required) this.always.push(rule);
    for (const atom of required ?? []) {
      const announced = this.byAtom.get(atom);
      if (announced) announced.push(rule);
      else this.byAtom.set(atom, [rule]);
    }
  }

  /** To be called when all rules are in. */
  close(table: AtomTable<Field<Batch>>): void {
    this.fields = [...new Set([...this.byAtom.keys()].map((atom) => table.atomAt(atom).field))];
    this.taken = new Float64Array(this.numbers);
  }

  /** Finds the rules that may be true of the row, each once, and says how many. */
  look(batch: Batch, row: number, verdicts: Verdicts<Batch>): number {
    this.rows += 1;
    this.count = 0;
    for (const rule of this.always) this.found[this.count++] = rule;
    for (const field of this.fields) {
      const truths = verdicts.truths(field, field.entry(batch, row));
      for (const atom of truths) this.announce(atom);
    }
    return this.count;
  }

  /** Of those that `look` found. */
  candidate(at: number): CompiledRule | undefined {
    return this.found[at];
  }

  private announce(atom: number): void {
    const rules = this.byAtom.get(atom);
    if (rules === undefined) return;
    for (const rule of rules) {
      if (this.taken[rule.number] === this.rows) continue;
      this.taken[rule.number] = this.rows;
      this.found[this.count++] = rule;
    }
  }
}
