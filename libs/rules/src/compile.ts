// Turns a rule into a tree over atoms: one field, one test. Rules that ask the same share the atom.
import { parseCondition, type Condition } from './condition.ts';
import { fieldNames, fieldOf, type Field } from './fields.ts';
import { compilePatterns, type PatternSpec, type TextTest } from './pattern.ts';
import { ruleError, type FieldMap, type Rule, type Scalar, type Selection } from './rule.ts';

/** One question to one field: does any of its texts pass any of the tests? */
export interface Atom {
  readonly field: Field;
  readonly tests: readonly TextTest[];
}

export type Node =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Node[]; readonly cost: number }
  | { readonly op: 'not'; readonly part: Node }
  | { readonly op: 'atom'; readonly atom: number; readonly cost: number };

export interface CompiledRule {
  readonly rule: Rule;
  readonly root: Node;
}

/** The atoms of all rules, each once. */
export class AtomTable {
  readonly atoms: Atom[] = [];
  private readonly byKey = new Map<string, number>();

  add(key: string, make: () => Atom): number {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    this.byKey.set(key, this.atoms.length);
    return this.atoms.push(make()) - 1;
  }
}

/** In plain comparisons, about. */
const REGEX_COST = 50;

const modifiers = ['contains', 'startswith', 'endswith', 'all', 're', 'i', 'm', 's', 'cased', 'exists'];

/** Throws `rule_invalid` for a field, modifier or condition it does not know. */
export function compileRule(rule: Rule, table: AtomTable): CompiledRule {
  const names = Object.keys(rule.detection).filter((name) => name !== 'condition');
  const condition = parseCondition(rule.file, rule.detection.condition, names);
  return { rule, root: new RuleCompiler(rule, table).node(condition) };
}

class RuleCompiler {
  constructor(
    private readonly rule: Rule,
    private readonly table: AtomTable,
  ) {}

  node(condition: Condition): Node {
    if (condition.op === 'not') return { op: 'not', part: this.node(condition.part) };
    if (condition.op === 'selection') return this.selection(condition.name);
    return joined(
      condition.op,
      condition.parts.map((part) => this.node(part)),
    );
  }

  private selection(name: string): Node {
    const selection = this.rule.detection[name] as Selection;
    const maps = Array.isArray(selection) ? selection : [selection];
    return joined(
      'or',
      maps.map((map) => this.fields(name, map)),
    );
  }

  private fields(selection: string, map: FieldMap): Node {
    return joined(
      'and',
      Object.entries(map).map(([key, value]) => this.field(`${selection}.${key}`, key, value)),
    );
  }

  private field(construct: string, key: string, value: Scalar | readonly Scalar[]): Node {
    const [name = '', ...asked] = key.split('|');
    const field = this.known(construct, name);
    this.refuseUnknown(construct, asked);
    const values = Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar];
    if (asked.includes('exists')) return this.exists(construct, field, values);
    const spec = specOf(asked);
    if (!asked.includes('all')) return this.atom(construct, field, { spec, values });
    return joined(
      'and',
      values.map((each) => this.atom(construct, field, { spec, values: [each] })),
    );
  }

  private known(construct: string, name: string): Field {
    const { category } = this.rule.logsource;
    const field = fieldOf(category, name);
    if (field) return field;
    throw ruleError(
      this.rule.file,
      construct,
      `${category} has no field "${name}": known are ${fieldNames(category).join(', ')}`,
    );
  }

  private refuseUnknown(construct: string, asked: readonly string[]): void {
    const unknown = asked.find((modifier) => !modifiers.includes(modifier));
    if (unknown === undefined) return;
    throw ruleError(this.rule.file, construct, `modifier "${unknown}" is not known: known are ${modifiers.join(', ')}`);
  }

  private exists(construct: string, field: Field, values: readonly Scalar[]): Node {
    if (values.length !== 1 || typeof values[0] !== 'boolean') {
      throw ruleError(this.rule.file, construct, '"exists" takes true or false');
    }
    const present: Atom = { field, tests: [(text) => text.raw !== ''] };
    const atom: Node = { op: 'atom', atom: this.table.add(`${field.name}|exists`, () => present), cost: 1 };
    return values[0] ? atom : { op: 'not', part: atom };
  }

  private atom(construct: string, field: Field, asked: { spec: PatternSpec; values: readonly Scalar[] }): Node {
    const place = { file: this.rule.file, construct };
    const make = (): Atom => ({ field, tests: compilePatterns(place, asked.spec, asked.values) });
    const each = asked.spec.match === 're' ? REGEX_COST : 1;
    const atom = this.table.add(JSON.stringify([field.name, asked.spec, asked.values]), make);
    return { op: 'atom', atom, cost: each * asked.values.length };
  }
}

function specOf(asked: readonly string[]): PatternSpec {
  const matches = ['contains', 'startswith', 'endswith', 're'] as const;
  const match = matches.find((each) => asked.includes(each)) ?? 'equals';
  const regexFlags = asked.filter((modifier) => /^[ims]$/.test(modifier)).join('');
  return { match, cased: asked.includes('cased'), regexFlags };
}

/** Parts in the order of their cost: what is cheap may spare what is dear. */
function joined(op: 'and' | 'or', parts: readonly Node[]): Node {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  return {
    op,
    parts: [...parts].sort((a, b) => costOf(a) - costOf(b)),
    cost: parts.reduce((sum, part) => sum + costOf(part), 0),
  };
}

function costOf(node: Node): number {
  return node.op === 'not' ? costOf(node.part) : node.cost;
}
