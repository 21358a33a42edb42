// Where a kind of batch holds a field, and which streams of rows there are for rules to be about.
import type { NornError } from '@norn/base';
import { ruleError } from '../sigma/document.ts';
import type { LogSource, Rule } from '../sigma/rule.ts';

/** What the engine itself asks of a batch; fields and routes know the rest. */
export interface Rows {
  readonly rowCount: number;
  /** Decides which routes a row takes. */
  readonly kind: Uint8Array;
  /** Entries of the dictionary. */
  readonly textCount: number;
  /** The same texts as they lie in the batch, if they do. */
  readonly dictionary?: Dictionary;
  /** Entries of the table whose entries may have several texts. */
  readonly listCount: number;
}

/** Texts in UTF-8: where each begins in `bytes`, and where it ends. */
export interface Dictionary {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** What an entry of a field's domain is: one text of the dictionary, a list of texts of a table, or the row itself. */
export type Domain = 'text' | 'list' | 'row';

/** A field as rules know it; where its texts are is the matter of who runs them: a batch, or a database. */
export interface Named {
  readonly name: string;
  /** All texts it can ever have; not given when there is no end of them. */
  readonly values?: readonly string[];
}

export interface Field<Batch extends Rows> extends Named {
  readonly domain: Domain;
  /** The entry of the domain that a row refers to. */
  entry(batch: Batch, row: number): number;
  /** The field's texts at that entry; several for lists, none or an empty one where there is nothing. */
  texts(batch: Batch, entry: number): readonly string[];
  /** Whether the event has the field at all. */
  exists(batch: Batch, entry: number): boolean;
}

/** The rows that rules of one log source see. */
export interface Stream<Asked extends Named> {
  readonly name: string;
  /** None when its rows have no such field; of several any may hold. */
  fields(name: string): readonly Asked[];
  /** For people who misspelt one. */
  fieldNames(): readonly string[];
  /** Where keywords are looked for. */
  readonly words: readonly Asked[];
}

export interface Route<Batch extends Rows> {
  readonly kind: number;
  readonly stream: string;
  accepts(batch: Batch, row: number): boolean;
}

export interface Layout<Batch extends Rows> {
  readonly routes: readonly Route<Batch>[];
  /** Undefined when nothing of that source is here. */
  streamOf(source: LogSource): Stream<Field<Batch>> | undefined;
  /** For people who misspelt one. */
  readonly sources: readonly string[];
}

/** Error `rule_invalid` of a rule about a log source that nobody has. */
export function unknownSource(rule: Rule, sources: readonly string[]): NornError {
  const { product, category, service } = rule.logsource;
  const asked = [product, category, service].filter((part) => part !== undefined).join('/');
  const place = { ...rule.detection.place([]), construct: 'logsource' };
  return ruleError(place, `nothing of "${asked}" is seen here: known are ${sources.join(', ')}`);
}
