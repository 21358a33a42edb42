// The values of one query, beside its text: nothing a rule says becomes part of the text.
import { ruleError, type Place } from '../sigma/document.ts';
import type { ParameterValue } from './column.ts';

/** They travel in the address of the request, which takes a megabyte when each byte is written as three characters. */
const VALUE_BYTES_MAX = 256 * 1024;

export class Parameters {
  private readonly names = new Map<string, string>();
  private readonly bound: Record<string, ParameterValue> = {};
  private bytes = 0;

  /** `place` is where the rule stands that is refused for its size. */
  constructor(private readonly place: Place) {}

  /** Throws `rule_invalid` when all values together are too large for one query. */
  readonly bind = (value: ParameterValue, type: string): string => {
    const key = JSON.stringify([type, value]);
    const known = this.names.get(key);
    if (known !== undefined) return `{${known}:${type}}`;
    this.bytes += Buffer.byteLength(key);
    if (this.bytes > VALUE_BYTES_MAX)
      throw ruleError(this.place, `has more than ${VALUE_BYTES_MAX} bytes of values, too many to hunt for: split it`);
    const name = `p${this.names.size}`;
    this.names.set(key, name);
    this.bound[name] = value;
    return `{${name}:${type}}`;
  };

  get values(): Readonly<Record<string, ParameterValue>> {
    return this.bound;
  }
}
