// Events of any form in a table: one column `fields Map(String, Array(String))`, the texts of each field by its whole name.
import { recordFields, type EventRecord } from '../records/record-batch.ts';
import type { Column, ColumnLayout, ColumnStream } from './column.ts';

/** The type of the column that `recordLayoutOf` reads. */
export const recordColumnType = 'Map(String, Array(String))';

/** A record as a row holds it: a field that is null is not there. */
export function recordRow(record: EventRecord): Record<string, readonly string[]> {
  return Object.fromEntries(
    [...recordFields(record)].filter((field): field is [string, string[]] => field[1] !== null),
  );
}

/** Any source and any field. `column` is the name of the map's column. */
export function recordColumns(column: string): ColumnLayout {
  const fieldOf = (name: string): Column => ({
    name,
    shape: 'list',
    value: (bind) => `${column}[${bind(name, 'String')}]`,
    exists: (bind) => `mapContains(${column}, ${bind(name, 'String')})`,
  });
  const words: Column = {
    name: 'keywords',
    shape: 'list',
    value: () => `arrayFlatten(mapValues(${column}))`,
    exists: () => '1',
  };
  const stream: ColumnStream = {
    name: 'record',
    fields: (name) => [fieldOf(name)],
    fieldNames: () => [],
    words: [words],
    rows: '1',
  };
  return { streamOf: () => stream, sources: ['any'] };
}
