// Dead letters for a terminal.
import type { DeadLetter, FalseNotes } from '@norn/bus';
import { ago, bytes, columns } from '../print/columns.ts';
import { visibleLine } from '../print/visible.ts';

/** Characters of a host's key and of an error in a table, and bytes of a record. */
const cellMax = 80;
const bytesShown = 256;

export function counted(count: number): string {
  return count.toLocaleString('en');
}

export function lettersText(letters: readonly DeadLetter[], now: Date): string {
  if (letters.length === 0) return 'No dead letters that match.';
  const rows = letters.map((letter) => [
    letter.id,
    ago(new Date(letter.at).toISOString(), now),
    letter.stage,
    placeOf(letter),
    visibleLine(letter.key).slice(0, cellMax),
    letter.code,
    letter.state,
    visibleLine(letter.error).slice(0, cellMax),
  ]);
  return columns([['ID', 'WHEN', 'STAGE', 'WHERE', 'HOST', 'CODE', 'STATE', 'ERROR'], ...rows]);
}

export function letterText(letter: DeadLetter, headers: Readonly<Record<string, string>>, value: Buffer): string {
  const facts = [
    ['id', letter.id],
    ['when', new Date(letter.at).toISOString()],
    ['stage', letter.stage],
    ['where', placeOf(letter)],
    ['host', letter.key],
    ['code', letter.code],
    ['error', letter.error],
    ['attempts', String(letter.attempts)],
    ['state', letter.by === '' ? letter.state : `${letter.state} by ${letter.by}`],
    ['size', bytes(letter.bytes)],
    ...Object.entries(headers).map(([name, text]) => [`header ${name}`, text]),
  ];
  const shown = value
    .subarray(0, bytesShown)
    .toString('hex')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd();
  return `${columns(facts)}\n\n${shown}${value.length > bytesShown ? '\n…' : ''}`;
}

/** Anybody who may write dead letters can make a note up. */
export function falseNotesText({ total, reasons, letters }: FalseNotes): string {
  const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${counted(count)}`);
  const about = letters.length === 0 ? '' : `; about ${letters.join(', ')}`;
  const what = 'notes of what was done with a letter are not by ./norn deadletters and count for nothing';
  return `${counted(total)} ${what} (${why.join(', ')})${about}`;
}

function placeOf({ topic, partition, offset }: DeadLetter): string {
  return topic === '' ? 'before the bus' : `${topic}/${partition}/${offset}`;
}
