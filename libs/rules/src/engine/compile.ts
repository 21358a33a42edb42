// Turns a detection into a tree over atoms. Rules that ask the same share the atom. The engine runs the tree, a hunt writes it as SQL.
import { parseCondition, type Condition } from '../sigma/condition.ts';
import { ruleError, type Path, type Place } from '../sigma/document.ts';
import { parseFieldTest, type FieldTest } from '../sigma/field-test.ts';
import type { Detection, FieldMap, Rule, Scalar, Selection } from '../sigma/rule.ts';
import { transformed, type Placeholders } from '../sigma/values.ts';
import type { Atom, AtomTable } from './atoms.ts';
import type { Named, Stream } from './field.ts';
import { compareTexts, makeTest } from './test.ts';

export type Node =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Node[]; readonly cost: number }
  | { readonly op: 'not'; readonly part: Node; readonly cost: number }
  | { readonly op: 'atom'; readonly atom: number; readonly cost: number };

export interface CompileContext<Asked extends Named> {
  readonly table: AtomTable<Asked>;
  readonly stream: Stream<Asked>;
  readonly placeholders: Placeholders;
}

/**
 * A rule and its filters. A filter takes matches away: the specification's own example says so with `condition: selection`, the reference
 * implementation with `condition: not selection`, and both mean that what the selection finds is not told.
 * Throws `rule_invalid` for a field, modifier, value or condition it does not know.
 */
export function compileRule<Asked extends Named>(
  { detection, filters }: Pick<Rule, 'detection' | 'filters'>,
  context: CompileContext<Asked>,
): Node {
  const quieting = filters.map((filter) => {
    const node = compileDetection(filter, context);
    return node.op === 'not' ? node : negated(node);
  });
  return joined('and', [compileDetection(detection, context), ...quieting]);
}

function compileDetection<Asked extends Named>(detection: Detection, context: CompileContext<Asked>): Node {
  const compiler = new Compiler(detection, context);
  const names = Object.keys(detection.selections);
  const conditions = detection.conditions.map((text) =>
    compiler.node(parseCondition(detection.place(['condition']), text, names)),
  );
  return joined('or', conditions);
}

class Compiler<Asked extends Named> {
  constructor(
    private readonly detection: Detection,
    private readonly context: CompileContext<Asked>,
  ) {}

  node(condition: Condition): Node {
    if (condition.op === 'not') return negated(this.node(condition.part));
    if (condition.op === 'selection') return this.selection(condition.name);
    return joined(
      condition.op,
      condition.parts.map((part) => this.node(part)),
    );
  }

  private selection(name: string): Node {
    const selection = this.detection.selections[name] as Selection;
    if (!Array.isArray(selection)) return this.part([name], selection);
    return joined(
      'or',
      selection.map((part, at) => this.part([name, at], part)),
    );
  }

  private part(path: Path, part: string | number | FieldMap): Node {
    if (typeof part !== 'object') return this.field(path, '', part);
    return joined(
      'and',
      Object.entries(part).map(([key, value]) => this.field([...path, key], key, value)),
    );
  }

  private field(path: Path, key: string, value: Scalar | readonly Scalar[]): Node {
    const place = this.detection.place(path);
    const asked = parseFieldTest(place, key);
    const values = Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar];
    refuseValues(place, asked, values);
    const fields = asked.field === '' ? this.context.stream.words : this.known(place, asked.field);
    const node = this.ask(place, asked, fields, values);
    return asked.negated ? negated(node) : node;
  }

  private ask(place: Place, asked: FieldTest, fields: readonly Asked[], values: readonly Scalar[]): Node {
    const ofAny = (make: (field: Asked) => Node): Node => joined('or', fields.map(make));
    if (asked.reading === 'exists' || values[0] === null) {
      const there = ofAny((field) => this.exists(field));
      return values[0] === true ? there : negated(there);
    }
    const given = values as readonly Exclude<Scalar, null>[];
    if (asked.reading === 'fieldref') {
      const compared = given.map((name) => {
        const others = this.known(place, String(name));
        return ofAny((field) =>
          joined(
            'or',
            others.map((other) => this.compare(asked, field, other)),
          ),
        );
      });
      return joined(asked.all ? 'and' : 'or', compared);
    }
    const tests = given.map((value) => this.tests(place, asked, value));
    const together = asked.all ? tests : [tests.flat()];
    return joined(
      'and',
      together.map((any) => ofAny((field) => this.text(field, any))),
    );
  }

  /** What the modifiers make of one value. */
  private tests(place: Place, asked: FieldTest, value: Exclude<Scalar, null>): number[] {
    const { placeholders, table } = this.context;
    const { transforms } = asked;
    const texts = typeof value === 'string' ? transformed(value, { place, transforms, placeholders }) : [value];
    // A keyword may stand anywhere in the event.
    const test: FieldTest = asked.field === '' && asked.reading === 'text' ? { ...asked, position: 'contains' } : asked;
    const { reading, position, comparison, timePart, cased, regexFlags } = test;
    return texts.map((text) => {
      const key = JSON.stringify([reading, position, comparison, timePart, cased, regexFlags, String(text)]);
      return table.test(key, () => makeTest(place, test, text));
    });
  }

  private text(field: Asked, tests: readonly number[]): Node {
    const { table } = this.context;
    const distinct = [...new Set(tests)].sort((a, b) => a - b);
    const indexed = distinct.every((test) => table.testAt(test).literal !== '');
    const make = (): Atom<Asked> => ({ kind: 'text', field, tests: distinct, indexed });
    const cost = distinct.reduce((sum, test) => sum + table.testAt(test).cost, 0);
    return { op: 'atom', atom: table.atom(`${field.name}|${distinct.join()}`, make), cost };
  }

  private exists(field: Asked): Node {
    return {
      op: 'atom',
      atom: this.context.table.atom(`${field.name}|exists`, () => ({ kind: 'exists', field })),
      cost: 1,
    };
  }

  private compare({ position, cased }: FieldTest, field: Asked, other: Asked): Node {
    const key = `${field.name}|fieldref|${position}|${cased}|${other.name}`;
    const compare = compareTexts({ position, cased });
    const make = (): Atom<Asked> => ({ kind: 'fields', field, other, position, cased, compare });
    return { op: 'atom', atom: this.context.table.atom(key, make), cost: 2 };
  }

  private known(place: Place, name: string): readonly Asked[] {
    const { stream } = this.context;
    const fields = stream.fields(name);
    if (fields.length > 0) return fields;
    throw ruleError(place, `${stream.name} has no field "${name}": known are ${stream.fieldNames().join(', ')}`);
  }
}

function refuseValues(place: Place, asked: FieldTest, values: readonly Scalar[]): void {
  if (asked.reading === 'exists' && (values.length !== 1 || typeof values[0] !== 'boolean'))
    throw ruleError(place, '"exists" takes true or false');
  if (values.length > 1 && values.includes(null))
    throw ruleError(place, 'null can not stand in a list: write a selection of its own and join them in the condition');
  if (asked.all && values.length < 2)
    throw ruleError(place, '"all" needs more than one value: remove it, or add the others');
}

function negated(part: Node): Node {
  return { op: 'not', part, cost: part.cost };
}

/** Parts in the order of their cost: what is cheap may spare what is dear. */
function joined(op: 'and' | 'or', parts: readonly Node[]): Node {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  return {
    op,
    parts: [...parts].sort((a, b) => a.cost - b.cost),
    cost: parts.reduce((sum, part) => sum + part.cost, 0),
  };
}
