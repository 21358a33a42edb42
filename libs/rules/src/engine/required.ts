// Which atoms at least one must be true of an event for a rule to be: rules none of whose required atoms is true are not looked at.
import type { AtomTable } from './atoms.ts';
import type { Node } from './compile.ts';
import type { Named } from './field.ts';

/** How likely an atom is true of an event, on a scale of its own: long literals are rare. */
const weightOf = (literalLength: number): number => 2 ** -literalLength;
/** A field of few texts has each of them often, however long it is. */
const OFTEN = 1;

interface Required {
  readonly atoms: readonly number[];
  readonly weight: number;
}

/** Indexed atoms only; undefined when none is required. */
export function requiredAtoms<Asked extends Named>(node: Node, table: AtomTable<Asked>): readonly number[] | undefined {
  return required(node, table)?.atoms;
}

function required<Asked extends Named>(node: Node, table: AtomTable<Asked>): Required | undefined {
  switch (node.op) {
    case 'not':
      return undefined;
    case 'atom':
      return ofAtom(node.atom, table);
    case 'and':
      return node.parts.reduce<Required | undefined>((best, part) => rarer(best, required(part, table)), undefined);
    case 'or':
      return together(node.parts.map((part) => required(part, table)));
  }
}

function ofAtom<Asked extends Named>(atom: number, table: AtomTable<Asked>): Required | undefined {
  const asked = table.atomAt(atom);
  if (asked.kind !== 'text' || !asked.indexed) return undefined;
  const isClosed = asked.field.values !== undefined;
  const weights = asked.tests.map((test) => (isClosed ? OFTEN : weightOf(table.testAt(test).literal.length)));
  return { atoms: [atom], weight: weights.reduce((sum, weight) => sum + weight, 0) };
}

function rarer(one: Required | undefined, other: Required | undefined): Required | undefined {
  if (!one || !other) return one ?? other;
  return other.weight < one.weight ? other : one;
}

function together(parts: readonly (Required | undefined)[]): Required | undefined {
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  return {
    atoms: [...new Set(known.flatMap(({ atoms }) => atoms))],
    weight: known.reduce((sum, { weight }) => sum + weight, 0),
  };
}
