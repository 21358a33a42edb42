// Events of any form, as names and values: other tools' logs, test vectors, what an import brings.
import type { Field, Layout, Rows, Stream } from '../engine/field.ts';

/** Nested objects are told by names with dots. */
export type EventRecord = Readonly<Record<string, unknown>>;

/** Entries of the value table that stand for no value. */
const ABSENT = 0;
const NULL = 1;
/** Objects within objects deeper than this are told as text. */
const DEPTH_MAX = 8;

const STREAM = 'record';

/** A record's fields by their whole names: their texts, or null where the record says so. */
export function* recordFields(record: EventRecord): Generator<[name: string, texts: readonly string[] | null]> {
  yield* fieldsBelow('', record, 0);
}

function* fieldsBelow(prefix: string, record: EventRecord, depth: number): ReturnType<typeof recordFields> {
  for (const [key, value] of Object.entries(record)) {
    const name = prefix + key;
    if (isRecord(value) && depth < DEPTH_MAX) yield* fieldsBelow(`${name}.`, value, depth + 1);
    else if (value !== undefined) yield [name, textsOf(value)];
  }
}

function isRecord(value: unknown): value is EventRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textsOf(value: unknown): readonly string[] | null {
  if (value === null) return null;
  return Array.isArray(value) ? value.map(textOf) : [textOf(value)];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export class RecordBatch implements Rows {
  readonly rowCount: number;
  readonly kind: Uint8Array;
  readonly textCount = 0;
  private readonly columns = new Map<string, Uint32Array>();
  private readonly table: (readonly string[])[] = [[], []];
  private readonly known = new Map<string, number>();

  constructor(records: readonly EventRecord[]) {
    this.rowCount = records.length;
    this.kind = new Uint8Array(records.length);
    records.forEach((record, row) => {
      for (const [name, texts] of recordFields(record)) this.column(name)[row] = this.entryOf(texts);
    });
  }

  get listCount(): number {
    return this.table.length;
  }

  /** Of a field at a row. */
  entry(name: string, row: number): number {
    return this.columns.get(name)?.[row] ?? ABSENT;
  }

  texts(entry: number): readonly string[] {
    return this.table[entry] ?? [];
  }

  /** Every text of the row. */
  words(row: number): string[] {
    return [...this.columns.values()].flatMap((column) => this.texts(column[row] ?? ABSENT));
  }

  private column(name: string): Uint32Array {
    let column = this.columns.get(name);
    if (!column) this.columns.set(name, (column = new Uint32Array(this.rowCount)));
    return column;
  }

  private entryOf(texts: readonly string[] | null): number {
    if (texts === null) return NULL;
    const key = JSON.stringify(texts);
    let entry = this.known.get(key);
    if (entry === undefined) this.known.set(key, (entry = this.table.push(texts) - 1));
    return entry;
  }
}

function fieldOf(name: string): Field<RecordBatch> {
  return {
    name,
    domain: 'list',
    entry: (batch, row) => batch.entry(name, row),
    texts: (batch, entry) => batch.texts(entry),
    exists: (_batch, entry) => entry > NULL,
  };
}

const words: Field<RecordBatch> = {
  name: 'keywords',
  domain: 'row',
  entry: (_batch, row) => row,
  texts: (batch, row) => batch.words(row),
  exists: () => true,
};

/** Any source and any field: what is not in an event is absent. */
export function recordLayout(): Layout<RecordBatch> {
  const known = new Map<string, readonly Field<RecordBatch>[]>();
  const fields = (name: string): readonly Field<RecordBatch>[] => {
    let found = known.get(name);
    if (!found) known.set(name, (found = [fieldOf(name)]));
    return found;
  };
  const stream: Stream<Field<RecordBatch>> = { name: STREAM, fields, fieldNames: () => [], words: [words] };
  return {
    routes: [{ kind: 0, stream: STREAM, accepts: () => true }],
    sources: ['any'],
    streamOf: () => stream,
  };
}
