// A note is of one letter: of that place, and of that time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSignerKeys } from '@norn/config';
import { ProvenRecords } from '../consume/proven-records.ts';
import { signatureHeader } from '../produce/signed-run.ts';
import type { BusRecord } from '../record.ts';
import { HeldLetters } from './held-letters.ts';
import { letterOf } from './letter.ts';
import { createNoteWriter } from './notes.ts';

const secretsDir = mkdtempSync(join(tmpdir(), 'norn-notes-'));
makeSignerKeys(secretsDir);
afterAll(() => {
  rmSync(secretsDir, { recursive: true });
});

const place = { topic: 'deadLetter', partition: 0, headers: {}, value: Buffer.from('x') } as const;
const letterAt = (offset: number, timeMs: number): BusRecord => ({ ...place, key: 't:h', offset, timeMs });

function notesOf(letters: readonly BusRecord[]): BusRecord[] {
  const notes = createNoteWriter(secretsDir)(letters.map(letterOf), { state: 'dropped', by: 'ada' });
  return notes.map((note, at) => {
    const { [signatureHeader]: signature = '', ...headers } = note.headers;
    return { ...place, ...note, headers, signature, partition: note.partition ?? 0, offset: 1_000 + at };
  });
}

function statesOf(records: readonly BusRecord[]): string[] {
  const held = new HeldLetters(
    { isWanted: () => true, max: 1_000 },
    new ProvenRecords({ kafkaBrokers: '', secretsDir }),
  );
  for (const record of records) held.take(record);
  expect(held.falseNotes.total).toBe(0);
  return held.newest().map(({ id, state, by }) => [id, state, by].join(' ').trim());
}

describe('a note', () => {
  it('is read for each of many letters, more than one run of them', () => {
    const letters = Array.from({ length: 70 }, (_, at) => letterAt(at, 1_000 - at));
    expect(statesOf([...letters, ...notesOf(letters)])).toEqual(letters.map((_, at) => `0-${at} dropped ada`));
  });

  it('says nothing of a letter that came to the same place in a topic made anew', () => {
    const [note] = notesOf([letterAt(5, 1_000)]) as [BusRecord];
    expect(statesOf([letterAt(5, 2_000), note])).toEqual(['0-5 waiting']);
    expect(statesOf([letterAt(5, 1_000), note])).toEqual(['0-5 dropped ada']);
  });
});
