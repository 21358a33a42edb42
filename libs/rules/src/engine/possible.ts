// What a rule asks for that can never be, since the fields it asks have only certain texts.
import type { AtomTable } from './atoms.ts';
import type { Node } from './compile.ts';
import type { Named } from './field.ts';
import { fold } from './fold.ts';

/** A value that a rule asks a field for. */
export interface AskedValue {
  readonly field: string;
  readonly value: string;
}

/** Whether there may be an event that the tree is true of. */
export function isPossible<Asked extends Named>(node: Node, table: AtomTable<Asked>): boolean {
  switch (node.op) {
    case 'not':
      return true;
    case 'and':
      return node.parts.every((part) => isPossible(part, table));
    case 'or':
      return node.parts.some((part) => isPossible(part, table));
    case 'atom':
      return askedValues(node.atom, table).some(({ admits }) => admits.length > 0);
  }
}

/** Of what stands under no `not`. */
export function impossibleValues<Asked extends Named>(node: Node, table: AtomTable<Asked>): AskedValue[] {
  if (node.op === 'not') return [];
  if (node.op !== 'atom') return node.parts.flatMap((part) => impossibleValues(part, table));
  return askedValues(node.atom, table).filter(({ admits }) => admits.length === 0);
}

/** The texts of closed fields that a rule asks for. */
export function admittedValues<Asked extends Named>(node: Node, table: AtomTable<Asked>): AskedValue[] {
  if (node.op === 'not') return [];
  if (node.op !== 'atom') return node.parts.flatMap((part) => admittedValues(part, table));
  return askedValues(node.atom, table).flatMap(({ field, admits }) => admits.map((value) => ({ field, value })));
}

interface AdmittedValue extends AskedValue {
  /** Those of the field's texts that pass; a field without an end of them is taken to have one. */
  readonly admits: readonly string[];
}

function askedValues<Asked extends Named>(number: number, table: AtomTable<Asked>): AdmittedValue[] {
  const atom = table.atomAt(number);
  const { name, values } = atom.field;
  if (atom.kind !== 'text' || values === undefined) return [{ field: name, value: '', admits: [''] }];
  return atom.tests.map((number) => {
    const test = table.testAt(number);
    return { field: name, value: test.shown, admits: values.filter((text) => test.holds(fold(text))) };
  });
}
