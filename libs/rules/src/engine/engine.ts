// Runs all rules over a batch: routed by event kind, announced by the literals its texts contain, then judged one by one.
import type { Rule } from '../sigma/rule.ts';
import type { Placeholders } from '../sigma/values.ts';
import { AtomTable } from './atoms.ts';
import { compileRule, type Node } from './compile.ts';
import { Costs, type Clock, type RuleCost } from './costs.ts';
import { unknownSource, type Field, type Layout, type Route, type Rows } from './field.ts';
import { Program, type CompiledRule } from './program.ts';
import { Verdicts } from './verdicts.ts';

/** Matches kept of one batch. */
export const MATCHES_MAX = 512;
/** Characters kept of a value. */
export const EVIDENCE_MAX = 512;
const KINDS = 256;

/** One field of the evidence and what it held. */
export interface MatchEvidence {
  readonly field: string;
  readonly value: string;
}

export interface RuleMatch {
  readonly rule: Rule;
  readonly row: number;
  readonly evidence: readonly MatchEvidence[];
}

export interface RuleResult {
  readonly matches: readonly RuleMatch[];
  /** Beyond `MATCHES_MAX`, or what the engine was given instead. */
  readonly refused: number;
}

export interface EngineOptions {
  /** Values for `%name%` in rules that say `expand`. */
  readonly placeholders?: Placeholders;
  /** To time rules by; without one they are only counted. */
  readonly clock?: Clock;
  /** Matches kept of one batch instead of `MATCHES_MAX`. */
  readonly matchesMax?: number;
}

type Step<Batch extends Rows> = Route<Batch> & { readonly program: Program<Batch> };

export class Engine<Batch extends Rows> {
  private readonly verdicts: Verdicts<Batch>;
  /** By event kind. */
  private readonly steps: readonly (readonly Step<Batch>[])[];
  private readonly costs: Costs;
  private readonly matchesMax: number;

  /** Throws `rule_invalid` for a rule it can not compile. */
  constructor(
    layout: Layout<Batch>,
    private readonly rules: readonly Rule[],
    { placeholders = new Map(), clock, matchesMax = MATCHES_MAX }: EngineOptions = {},
  ) {
    this.costs = new Costs(rules, clock);
    this.matchesMax = matchesMax;
    const table = new AtomTable<Field<Batch>>();
    const programs = new Map<string, Program<Batch>>();
    rules.forEach((rule, number) => {
      const stream = layout.streamOf(rule.logsource);
      if (!stream) throw unknownSource(rule, layout.sources);
      const root = compileRule(rule, { table, stream, placeholders });
      const program = programs.get(stream.name) ?? new Program<Batch>();
      programs.set(stream.name, program);
      program.add({ number, root }, table);
    });
    for (const program of programs.values()) program.close(table);
    this.verdicts = new Verdicts(table);
    this.steps = Array.from({ length: KINDS }, (_, kind) =>
      layout.routes.flatMap((route) => {
        const program = programs.get(route.stream);
        return route.kind === kind && program ? [{ ...route, program }] : [];
      }),
    );
  }

  evaluate(batch: Batch): RuleResult {
    this.verdicts.begin(batch);
    this.costs.beginBatch();
    const matches: RuleMatch[] = [];
    let refused = 0;
    for (let row = 0; row < batch.rowCount; row += 1) {
      for (const step of this.steps[batch.kind[row] ?? 0] ?? []) {
        if (!step.accepts(batch, row)) continue;
        const count = step.program.look(batch, row, this.verdicts);
        for (let at = 0; at < count; at += 1) {
          const rule = step.program.candidate(at);
          if (rule === undefined || !this.judge(rule, row)) continue;
          if (matches.length < this.matchesMax) matches.push(this.describe(rule, row));
          else refused += 1;
        }
      }
    }
    return { matches, refused };
  }

  /** What rules cost since the last call, dearest first. */
  takeCosts(): RuleCost[] {
    return this.costs.take();
  }

  private judge({ number, root }: CompiledRule, row: number): boolean {
    const begunNs = this.costs.begin();
    const isTrue = this.holds(root, row);
    this.costs.end(number, begunNs, isTrue);
    return isTrue;
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

  private describe({ number, root }: CompiledRule, row: number): RuleMatch {
    const evidence = new Map<string, MatchEvidence>();
    for (const { field, values } of this.positive(root, row)) {
      for (const value of values) {
        const cut = value.slice(0, EVIDENCE_MAX);
        evidence.set(`${field.name}\0${cut}`, { field: field.name, value: cut });
      }
    }
    const rule = this.rules[number];
    if (!rule) throw new RangeError(`No rule ${number}`);
    return { rule, row, evidence: [...evidence.values()] };
  }

  /** What made the tree true; what stands under a `not` is no evidence. */
  private positive(node: Node, row: number): { field: Field<Batch>; values: string[] }[] {
    if (node.op === 'not' || !this.holds(node, row)) return [];
    if (node.op === 'atom')
      return [{ field: this.verdicts.fieldOf(node.atom), values: this.verdicts.matching(node.atom, row) }];
    return node.parts.flatMap((part) => this.positive(part, row));
  }
}
