// Where a table of ClickHouse holds a field: what a `Layout` is for batches, this is for stored events.
import type { Named, Stream } from '../engine/field.ts';
import type { LogSource } from '../sigma/rule.ts';

/** What a query takes beside its text. */
export type ParameterValue = string | number | readonly string[];

/** Makes a value a parameter of the query and returns its place in the text: `{p0:String}`. */
export type Bind = (value: ParameterValue, type: string) => string;

export interface Column extends Named {
  /** One text, or several; an event without the field has an empty list, or an empty text and `exists` says so. */
  readonly shape: 'text' | 'list';
  /** SQL of type String or Array(String), never NULL. */
  value(bind: Bind): string;
  /** SQL of a truth, never NULL: whether the event has the field. */
  exists(bind: Bind): string;
  /** The table that holds it, when it is not the events' own. */
  readonly table?: string;
  /** It is made of the events' own table, too: that other one alone can not tell. */
  readonly isJoined?: true;
}

/** The rows that rules of one log source see. */
export interface ColumnStream extends Stream<Column> {
  /** SQL of a truth about a row. */
  readonly rows: string;
}

export interface ColumnLayout {
  /** Undefined when nothing of that source is stored. */
  streamOf(source: LogSource): ColumnStream | undefined;
  /** For people who misspelt one. */
  readonly sources: readonly string[];
}
