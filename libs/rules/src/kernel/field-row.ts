// A row of the table of fields: what Sigma, OCSF and OpenTelemetry call a fact, and where a batch has it.
import { event } from '@norn/contracts';
import type { Field } from '../engine/field.ts';
import type { RuleBatch } from './batch.ts';

/** What a fact is called elsewhere. */
export interface Meaning {
  /** In the event's class. What is below `process` is below `actor.process` in the classes of files and networks. */
  readonly ocsf: string;
  /** Message and field of `proto/`: `EventColumns.image_path`. */
  readonly columns: readonly string[];
  /** Attribute of OpenTelemetry's semantic conventions; undefined where they have none. */
  readonly otel: string | undefined;
}

/** `name` is Sigma's. */
export interface FieldRow extends Field<RuleBatch>, Meaning {}

type Entry = FieldRow['entry'];
type Texts = FieldRow['texts'];

/** `columns` are separated by spaces. */
export function means(ocsf: string, columns: string, otel?: string): Meaning {
  return { ocsf, columns: columns.split(' '), otel };
}

/** An entry of the batch's dictionary. */
export function ofText(name: string, meaning: Meaning, entry: Entry): FieldRow {
  return row(name, meaning, { domain: 'text', entry, texts: (batch, index) => [batch.text(index)] });
}

/** Of the process that a row is about. */
export function ofProcess(name: string, meaning: Meaning, texts: Texts): FieldRow {
  return row(name, meaning, { domain: 'list', entry: (batch, at) => processOf(batch, at), texts });
}

/** Of the row alone; dear, since nothing is judged once for many rows. */
export function ofRow(name: string, meaning: Meaning, texts: Texts): FieldRow {
  return row(name, meaning, { domain: 'row', entry: (_batch, at) => at, texts });
}

/** Of a table of the field's own; its entries are small numbers. */
export function ofTable(
  name: string,
  meaning: Meaning,
  from: Pick<FieldRow, 'entry' | 'texts'> & { readonly values?: readonly string[] },
): FieldRow {
  return row(name, meaning, { domain: 'list', ...from });
}

/** The kernel's facts have no empty fields: what is empty is not there. */
function row(name: string, meaning: Meaning, from: Omit<Field<RuleBatch>, 'name' | 'exists'>): FieldRow {
  const exists: FieldRow['exists'] = (batch, entry) => from.texts(batch, entry).some((text) => text !== '');
  return { name, ...meaning, ...from, exists };
}

/** Beyond a column's end is 0, the entry that holds nothing. */
export function at(column: Uint8Array | Uint16Array | Uint32Array, index: number): number {
  return column[index] ?? 0;
}

export function processOf(batch: RuleBatch, row: number): number {
  return at(batch.process, row);
}

export function imageOf(batch: RuleBatch, row: number): number {
  return at(batch.processImage, processOf(batch, row));
}

const RENAME: number = event.EventKind.FILE_RENAME;

/** Text of the file a row is about: its new name when it got one. */
export function targetFile(batch: RuleBatch, row: number): number {
  return at(batch.kind, row) === RENAME ? at(batch.target, row) : at(batch.path, row);
}

/** Text of the name a file had before, or of the file that a link points to. */
export function sourceFile(batch: RuleBatch, row: number): number {
  return at(batch.kind, row) === RENAME ? at(batch.path, row) : at(batch.target, row);
}
