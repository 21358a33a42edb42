// What a rule asks of an event, for who answers it elsewhere than in a batch. The rule's meaning is made in one place, `engine/compile.ts`.
import { AtomTable, type Atom } from '../engine/atoms.ts';
import { compileRule, type Node } from '../engine/compile.ts';
import { unknownSource, type Field } from '../engine/field.ts';
import type { Test } from '../engine/test.ts';
import type { Rule } from '../sigma/rule.ts';
import { ANY, escapeWildcards, ONE, type Segment } from '../sigma/wildcards.ts';
import type { RuleBatch } from './batch.ts';
import { kernelLayout } from './layout.ts';

export type Question =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Question[] }
  | { readonly op: 'not'; readonly part: Question }
  /** Does any text of the field pass any of the tests? */
  | { readonly op: 'text'; readonly field: string; readonly tests: readonly TextTest[] }
  | { readonly op: 'exists'; readonly field: string }
  /** Two fields of the event are compared. */
  | { readonly op: 'fields'; readonly field: string; readonly other: string };

export type TextTest =
  /** With `*` and `?`, which a backslash makes ordinary, as it does another backslash; in lower case unless it is cased. */
  | { readonly kind: 'like'; readonly pattern: string; readonly cased: boolean }
  | { readonly kind: 'cidr'; readonly network: string }
  /** `shown` is what the rule gives. */
  | { readonly kind: 're' | 'number'; readonly shown: string };

/** Throws `rule_invalid` for what the engine refuses. */
export function questionOf(rule: Rule): Question {
  const stream = kernelLayout.streamOf(rule.logsource);
  if (!stream) throw unknownSource(rule, kernelLayout.sources);
  const table = new AtomTable<Field<RuleBatch>>();
  return written(compileRule(rule, { table, stream, placeholders: new Map() }), table);
}

function written(node: Node, table: AtomTable<Field<RuleBatch>>): Question {
  if (node.op === 'not') return { op: 'not', part: written(node.part, table) };
  if (node.op === 'atom') return atomOf(table.atomAt(node.atom), table);
  return { op: node.op, parts: node.parts.map((part) => written(part, table)) };
}

function atomOf(atom: Atom<Field<RuleBatch>>, table: AtomTable<Field<RuleBatch>>): Question {
  const field = atom.field.name;
  if (atom.kind === 'exists') return { op: 'exists', field };
  if (atom.kind === 'fields') return { op: 'fields', field, other: atom.other.name };
  return { op: 'text', field, tests: atom.tests.map((test) => textTest(table.testAt(test))) };
}

function textTest({ form, shown }: Test): TextTest {
  switch (form.kind) {
    case 'text':
      return { kind: 'like', pattern: form.segments.map(patternOf).join(''), cased: form.cased };
    case 'cidr':
      return { kind: 'cidr', network: `${form.address}/${form.bits}` };
    default:
      return { kind: form.kind, shown };
  }
}

function patternOf(segment: Segment): string {
  if (segment === ANY) return '*';
  return segment === ONE ? '?' : escapeWildcards(segment);
}
