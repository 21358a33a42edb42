// Which fields a detection speaks of.
import type { Detection, Selection } from './rule.ts';

/** Each once, as the rule writes them, without their modifiers; keywords have none. */
export function askedFields({ selections }: Detection): string[] {
  return [...new Set(Object.values(selections).flatMap(fieldsOf))];
}

function fieldsOf(selection: Selection): string[] {
  if (typeof selection !== 'object') return [];
  if (Array.isArray(selection)) return selection.flatMap(fieldsOf);
  return Object.entries(selection).flatMap(([key, value]) => {
    const [field = '', ...modifiers] = key.split('|');
    const compared = modifiers.includes('fieldref') ? [value].flat().map(String) : [];
    return field === '' ? compared : [field, ...compared];
  });
}
