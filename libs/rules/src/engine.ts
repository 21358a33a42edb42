// Runs all rules over a batch: routed by event kind, gated by the file name, judged once for each dictionary entry.
import type { RuleBatch } from './batch.ts';
import { AtomTable, compileRule, type CompiledRule, type Node } from './compile.ts';
import { gateOf, type Field } from './fields.ts';
import { categories, type Category, type Rule } from './rule.ts';
import { routes } from './routes.ts';
import { summarise } from './summary.ts';
import { Verdicts } from './verdicts.ts';

/** One field of the evidence and what it held. */
export interface MatchEvidence {
  readonly field: string;
  readonly value: string;
}

export interface RuleMatch {
  readonly rule: Rule;
  readonly row: number;
  readonly evidence: readonly MatchEvidence[];
  /** What happened, one sentence, without a full stop. */
  readonly summary: string;
}

export interface RuleResult {
  readonly matches: readonly RuleMatch[];
  /** Matches beyond `MATCHES_MAX`, counted, not kept. */
  readonly refused: number;
}

/** Matches kept of one batch. */
export const MATCHES_MAX = 512;
/** Characters kept of a value. */
const EVIDENCE_MAX = 512;

interface Program {
  readonly rules: CompiledRule[];
  readonly gate: Field | undefined;
  /** For each gate entry of this batch: 0 not asked, 1 no rule can match, 2 some may. */
  gated: Uint8Array;
}

type Step = (typeof routes)[number] & { readonly program: Program };

export class RuleEngine {
  private readonly verdicts: Verdicts;
  private readonly programs: readonly Program[];
  /** By event kind. */
  private readonly steps: readonly (readonly Step[])[];
  private readonly gateAtoms: ReadonlySet<number>;

  /** Throws `rule_invalid` for a rule it can not compile. */
  constructor(rules: readonly Rule[]) {
    const table = new AtomTable();
    const programs = new Map<Category, Program>(
      categories.map((category) => [category, { rules: [], gate: gateOf(category), gated: new Uint8Array(0) }]),
    );
    for (const rule of rules) programs.get(rule.logsource.category)?.rules.push(compileRule(rule, table));
    this.programs = [...programs.values()].filter((program) => program.rules.length > 0);
    this.verdicts = new Verdicts(table.atoms);
    this.gateAtoms = new Set(table.atoms.flatMap((atom, at) => (atom.field.name === 'TargetFilename' ? [at] : [])));
    this.steps = Array.from({ length: 256 }, (_, kind) =>
      routes.flatMap((route) => {
        const program = programs.get(route.category);
        return (route.kind as number) === kind && program && program.rules.length > 0 ? [{ ...route, program }] : [];
      }),
    );
  }

  evaluate(batch: RuleBatch): RuleResult {
    this.verdicts.begin(batch);
    for (const program of this.programs) if (program.gate) program.gated = cleared(program.gated, batch.textCount);
    const matches: RuleMatch[] = [];
    let refused = 0;
    for (let row = 0; row < batch.rowCount; row += 1) {
      for (const step of this.steps[batch.kind[row] ?? 0] ?? []) {
        for (const rule of this.matching(step, batch, row)) {
          if (matches.length < MATCHES_MAX) matches.push(this.describe(rule, batch, row));
          else refused += 1;
        }
      }
    }
    return { matches, refused };
  }

  private matching(step: Step, batch: RuleBatch, row: number): readonly CompiledRule[] {
    const { program } = step;
    if (program.gate && !this.mayMatch(program, program.gate.entry(batch, row))) return none;
    if (!step.accepts(batch, row)) return none;
    let found: CompiledRule[] | undefined;
    for (const rule of program.rules) if (this.holds(rule.root, row)) (found ??= []).push(rule);
    return found ?? none;
  }

  private mayMatch(program: Program, entry: number): boolean {
    const known = program.gated[entry];
    if (known) return known === 2;
    const may = program.rules.some((rule) => this.possible(rule.root, entry) !== false);
    program.gated[entry] = may ? 2 : 1;
    return may;
  }

  private holds(node: Node, row: number): boolean {
    switch (node.op) {
      case 'atom':
        return this.verdicts.ofRow(node.atom, row);
      case 'not':
        return !this.holds(node.part, row);
      case 'and':
        for (const part of node.parts) if (!this.holds(part, row)) return false;
        return true;
      case 'or':
        for (const part of node.parts) if (this.holds(part, row)) return true;
        return false;
    }
  }

  /** The verdict when only the gate's field is known; undefined when that does not decide. */
  private possible(node: Node, entry: number): boolean | undefined {
    if (node.op === 'atom') return this.gateAtoms.has(node.atom) ? this.verdicts.ofEntry(node.atom, entry) : undefined;
    if (node.op === 'not') {
      const inner = this.possible(node.part, entry);
      return inner === undefined ? undefined : !inner;
    }
    const decisive = node.op === 'or';
    let open = false;
    for (const part of node.parts) {
      const verdict = this.possible(part, entry);
      if (verdict === decisive) return decisive;
      open ||= verdict === undefined;
    }
    return open ? undefined : !decisive;
  }

  private describe({ rule, root }: CompiledRule, batch: RuleBatch, row: number): RuleMatch {
    const evidence = new Map<string, MatchEvidence>();
    for (const atom of this.positive(root, row)) {
      const { name } = atom.field;
      for (const value of atom.values) {
        const cut = value.slice(0, EVIDENCE_MAX);
        evidence.set(`${name}\0${cut}`, { field: name, value: cut });
      }
    }
    return { rule, row, evidence: [...evidence.values()], summary: summarise(rule, batch, row) };
  }

  /** The atoms that made the tree true, with their values; those under a `not` are not evidence. */
  private positive(node: Node, row: number): { field: Field; values: string[] }[] {
    if (node.op === 'not' || !this.holds(node, row)) return [];
    if (node.op === 'atom')
      return [{ field: this.verdicts.fieldOf(node.atom), values: this.verdicts.matching(node.atom, row) }];
    return node.parts.flatMap((part) => this.positive(part, row));
  }
}

/** Zeros, in the same memory when it is large enough. */
function cleared(cells: Uint8Array, count: number): Uint8Array {
  return cells.length < count ? new Uint8Array(count) : cells.fill(0, 0, count);
}

const none: readonly CompiledRule[] = [];
