// A rule as the condition of a ClickHouse query: the tree that the engine runs, each of its atoms written as SQL. The rule's meaning is made
// in one place, `engine/compile.ts`; here it only changes its language.
import { AtomTable, type Atom } from '../engine/atoms.ts';
import { compileRule, type Node } from '../engine/compile.ts';
import { unknownSource } from '../engine/field.ts';
import type { TestForm } from '../engine/test.ts';
import { ruleError } from '../sigma/document.ts';
import type { Rule } from '../sigma/rule.ts';
import type { Placeholders } from '../sigma/values.ts';
import type { Column, ColumnLayout, ParameterValue } from './column.ts';
import { networkCondition, numberCondition } from './number-sql.ts';
import { Parameters } from './parameters.ts';
import { foldedSql, regexCondition, textConditions } from './text-sql.ts';

/** ClickHouse reads queries of 256 KiB; the rest of one is small. */
const SQL_CHARACTERS_MAX = 200_000;

export interface Hunt {
  /** SQL of a truth about a row of events, never NULL: it is of the rule's log source, and the rule holds. */
  readonly where: string;
  /** SQL without which `where` can not be true, and which speaks of the events' own table only. */
  readonly narrowing: string;
  /** By table: SQL of what a row of it must be for `where` to be true of its events; absent when they may have none. */
  readonly narrowingBy: ReadonlyMap<string, string>;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** Tables beside the events' own that `where` speaks of. */
  readonly tables: ReadonlySet<string>;
  /** Names of the fields it asks, in the layout's spelling. */
  readonly fields: readonly string[];
}

export interface HuntOptions {
  /** Values for `%name%` in rules that say `expand`. */
  readonly placeholders?: Placeholders;
}

/** Throws `rule_invalid` for what the engine refuses, for fields and sources that are not stored, and for rules too large for a query. */
export function compileHunt(rule: Rule, layout: ColumnLayout, { placeholders = new Map() }: HuntOptions = {}): Hunt {
  const stream = layout.streamOf(rule.logsource);
  if (!stream) throw unknownSource(rule, layout.sources);
  const place = { ...rule.detection.place([]), construct: 'detection' };
  const table = new AtomTable<Column>();
  const root = compileRule(rule, { table, stream, placeholders });
  const parameters = new Parameters(place);
  const writer = new SqlWriter(table, parameters);
  const rows = `(${stream.rows})`;
  const where = `${rows} AND ${writer.node(root)}`;
  if (where.length > SQL_CHARACTERS_MAX)
    throw ruleError(place, `is more than ${SQL_CHARACTERS_MAX} characters of SQL, too many to hunt for: split it`);
  const columns = columnsOf(root, table);
  const needed = conjuncts(root);
  const narrowing = needed.filter((part) => isOf(part, undefined, table)).map((part) => writer.node(part));
  const tables = new Set(columns.flatMap((column) => (column.table === undefined ? [] : [column.table])));
  return {
    where,
    narrowing: [rows, ...narrowing].join(' AND '),
    narrowingBy: new Map([...tables].flatMap((name) => narrowingOf(name, needed, table, writer))),
    parameters: parameters.values,
    tables,
    fields: [...new Set(columns.map((column) => column.name))],
  };
}

/** The parts that must all hold. */
function conjuncts(node: Node): readonly Node[] {
  return node.op === 'and' ? node.parts.flatMap(conjuncts) : [node];
}

function narrowingOf(
  name: string,
  needed: readonly Node[],
  table: AtomTable<Column>,
  writer: SqlWriter,
): [name: string, sql: string][] {
  const parts = needed.filter((part) => isOf(part, name, table) && needsText(part, table));
  return parts.length === 0 ? [] : [[name, parts.map((part) => writer.node(part)).join(' AND ')]];
}

/** Whether all its fields are in that table alone. */
function isOf(node: Node, name: string | undefined, table: AtomTable<Column>): boolean {
  return columnsOf(node, table).every((column) => column.table === name && !column.isJoined);
}

/** Whether it can not be true where all its fields are absent. Errs on the side of "no". */
function needsText(node: Node, table: AtomTable<Column>): boolean {
  switch (node.op) {
    case 'not':
      return false;
    case 'and':
      return node.parts.some((part) => needsText(part, table));
    case 'or':
      return node.parts.every((part) => needsText(part, table));
    case 'atom': {
      const atom = table.atomAt(node.atom);
      return atom.kind === 'exists' || (atom.kind === 'text' && atom.indexed);
    }
  }
}

function columnsOf(node: Node, table: AtomTable<Column>): readonly Column[] {
  if (node.op === 'not') return columnsOf(node.part, table);
  if (node.op !== 'atom') return node.parts.flatMap((part) => columnsOf(part, table));
  const atom = table.atomAt(node.atom);
  return atom.kind === 'fields' ? [atom.field, atom.other] : [atom.field];
}

class SqlWriter {
  constructor(
    private readonly table: AtomTable<Column>,
    private readonly parameters: Parameters,
  ) {}

  node(node: Node): string {
    switch (node.op) {
      case 'atom':
        return this.atom(this.table.atomAt(node.atom));
      case 'not':
        return `NOT ${this.node(node.part)}`;
      case 'and':
        return joined(
          node.parts.map((part) => this.node(part)),
          'AND',
          '1',
        );
      case 'or':
        return joined(
          node.parts.map((part) => this.node(part)),
          'OR',
          '0',
        );
    }
  }

  private atom(atom: Atom<Column>): string {
    switch (atom.kind) {
      case 'exists':
        return `(${atom.field.exists(this.parameters.bind)})`;
      case 'text': {
        const forms = atom.tests.map((test) => this.table.testAt(test).form);
        return this.ofAny(atom.field, 't', (text) => this.anyTest(text, forms));
      }
      case 'fields':
        return this.ofAny(atom.field, 't', (text) =>
          this.ofAny(atom.other, 'o', (other) => comparison(atom, text, other)),
        );
    }
  }

  /** Whether what `condition` says holds for any text of the column. */
  private ofAny(column: Column, variable: string, condition: (text: string) => string): string {
    const value = column.value(this.parameters.bind);
    return column.shape === 'text' ? condition(value) : `arrayExists(${variable} -> ${condition(variable)}, ${value})`;
  }

  private anyTest(text: string, forms: readonly TestForm[]): string {
    const { bind } = this.parameters;
    const texts = forms.filter((form) => form.kind === 'text');
    const others = forms.filter((form) => form.kind !== 'text');
    const conditions = [
      ...textConditions(text, texts, bind),
      ...others.map((form) => {
        if (form.kind === 're') return regexCondition(text, form, bind);
        return form.kind === 'cidr' ? networkCondition(text, form, bind) : numberCondition(text, form, bind);
      }),
    ];
    return joined(conditions, 'OR', '0');
  }
}

function joined(parts: readonly string[], operator: 'AND' | 'OR', none: string): string {
  return parts.length === 0 ? none : `(${parts.join(` ${operator} `)})`;
}

function comparison({ position, cased }: Atom<Column> & { kind: 'fields' }, text: string, other: string): string {
  const [left, right] = cased ? [text, other] : [foldedSql(text), foldedSql(other)];
  switch (position) {
    case 'contains':
      return `(${right} = '' OR position(${left}, ${right}) > 0)`;
    case 'startswith':
      return `startsWith(${left}, ${right})`;
    case 'endswith':
      return `endsWith(${left}, ${right})`;
    case 'equals':
      return `(${left} = ${right})`;
  }
}
