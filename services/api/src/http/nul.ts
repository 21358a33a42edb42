// PostgreSQL keeps no NUL in a text: one that comes in is refused at the door.
import { NornError } from '@norn/base';

const cure = 'holds a NUL character (U+0000), which can not be kept: take it out';

/** Throws `input_invalid` for the first text, or key, with a NUL. What the body parser and the schemas let through is not nested deeply. */
export function refuseNul(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string') {
    if (value.includes('\0'))
      throw new NornError('input_invalid', `Not understood: ${path.join('.') || 'input'}: ${cure}`);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    refuseNul(key, path);
    refuseNul(each, [...path, key]);
  }
}
