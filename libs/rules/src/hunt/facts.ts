// Facts of stored events as SQL: of the event's own row, and of the row of `processes` that it belongs to.
import { event, nobodyId } from '@norn/contracts';
import type { Column } from './column.ts';

/** The name that a query gives the row of `processes` which an event of `events` belongs to. */
export const processTable = 'process';

export type Facts = Pick<Column, 'shape' | 'table' | 'isJoined'> & { readonly sql: string };

export const ofEvent = (sql: string): Facts => ({ shape: 'text', sql });
export const listOfEvent = (sql: string): Facts => ({ shape: 'list', sql });
export const listOfProcess = (sql: string): Facts => ({ shape: 'list', table: processTable, sql });
/** Of both rows. */
export const listOfBoth = (sql: string): Facts => ({ ...listOfProcess(sql), isJoined: true });

/** Every process that is stored was seen at some time; where none is joined that is 1970. */
export const isKnown = `toUnixTimestamp64Micro(${processTable}.seen_time) != 0`;

/** A column of texts. */
export function ofProcess(column: string): Facts {
  return { shape: 'text', table: processTable, sql: valid(`${processTable}.${column}`) };
}

/** What is not known is none. */
export function ofKnown(sql: string): Facts {
  return { shape: 'text', table: processTable, sql: `if(${isKnown}, ${sql}, '')` };
}

/** A column of numbers that may be nobody's, which is none. */
export function idOfProcess(column: string): Facts {
  const id = `${processTable}.${column}`;
  return ofKnown(`if(${id} = ${nobodyId}, '', toString(${id}))`);
}

/** A column of numbers: 0 is one, and what is not known is none. */
export function numberOfProcess(column: string): Facts {
  return ofKnown(`toString(${processTable}.${column})`);
}

/** Names of files and command lines are bytes as they came: the engine sees U+FFFD where they are no text. */
export function valid(bytes: string): string {
  return `toValidUTF8(${bytes})`;
}

const isRename = `kind = ${event.EventKind.FILE_RENAME}`;

/** The file a row is about, as the engine has it: its new name when it got one. */
export const targetFile = valid(`if(${isRename}, target, path)`);

/** The name a file had before, or the file that a link points to. */
export const sourceFile = valid(`if(${isRename}, path, target)`);
