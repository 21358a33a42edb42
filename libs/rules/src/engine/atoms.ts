// What rules ask of events, each question once, however many rules ask it. Knows of a field no more than its name.
import type { Position } from '../sigma/field-test.ts';
import type { Named } from './field.ts';
import type { Test } from './test.ts';

/** One question to one field of an event. */
export type Atom<Asked extends Named> =
  /** Does any of its texts pass any of the tests? */
  | {
      readonly kind: 'text';
      readonly field: Asked;
      readonly tests: readonly number[];
      readonly indexed: boolean;
    }
  /** Is it there? */
  | { readonly kind: 'exists'; readonly field: Asked }
  /** Do two fields of the event compare so? */
  | {
      readonly kind: 'fields';
      readonly field: Asked;
      readonly other: Asked;
      readonly position: Position;
      readonly cased: boolean;
      readonly compare: (text: string, other: string) => boolean;
    };

export class AtomTable<Asked extends Named> {
  readonly atoms: Atom<Asked>[] = [];
  readonly tests: Test[] = [];
  private readonly atomByKey = new Map<string, number>();
  private readonly testByKey = new Map<string, number>();

  /** The atom of that key, made when it is new. */
  atom(key: string, make: () => Atom<Asked>): number {
    return once(this.atomByKey, key, () => this.atoms.push(make()) - 1);
  }

  test(key: string, make: () => Test): number {
    return once(this.testByKey, key, () => this.tests.push(make()) - 1);
  }

  testAt(test: number): Test {
    return at(this.tests, test);
  }

  atomAt(atom: number): Atom<Asked> {
    return at(this.atoms, atom);
  }
}

function once(known: Map<string, number>, key: string, make: () => number): number {
  let number = known.get(key);
  if (number === undefined) known.set(key, (number = make()));
  return number;
}

function at<Element>(all: readonly Element[], index: number): Element {
  const found = all[index];
  if (found === undefined) throw new RangeError(`Nothing at ${index} of ${all.length}`);
  return found;
}
