// What was done with a letter: a note behind it in its partition, signed by who may do it. Each stage may write dead letters, so a note of anybody
// else's says nothing: it would hide a letter that waits.
import { type Signer, readSignerKey } from '@norn/config';
import type { ProvenRecords, Unproven } from '../consume/proven-records.ts';
import { runRecordsMax, signRun, signatureHeader } from '../produce/signed-run.ts';
import type { BusRecord, OutRecord } from '../record.ts';
import { type DeadLetter, placeOf } from './letter.ts';

/** Whoever runs `./norn deadletters replay` or `drop`, with the key of that tool. */
const noteSigner: Signer = 'deadletters';
/** Header of a note: the letter's id. It tells a note from a letter; what counts is in the value, which is signed. */
const noteHeader = 'letter';

/** `at` beside the id: in a topic that was made anew, another letter may have the same place. */
export interface Note extends Pick<DeadLetter, 'id' | 'at' | 'by'> {
  readonly state: 'replayed' | 'dropped';
}

export type NoteWriter = (letters: readonly DeadLetter[], done: Pick<Note, 'state' | 'by'>) => OutRecord[];

/** Throws `secret_missing`, `signers_invalid`. */
export function createNoteWriter(secretsDir: string): NoteWriter {
  const key = readSignerKey(secretsDir, noteSigner);
  return (letters, done) => {
    const records: OutRecord[] = [];
    for (let first = 0; first < letters.length; first += runRecordsMax) {
      const run = letters.slice(first, first + runRecordsMax).map((letter) => noteOf(letter, done));
      const signatures = signRun('deadLetter', run, key);
      for (const [at, { headers, ...note }] of run.entries())
        records.push({ ...note, headers: { ...headers, [signatureHeader]: signatures[at] ?? '' } });
    }
    return records;
  };
}

/** Undefined when the record is a letter. */
export function letterNamed({ headers }: Pick<BusRecord, 'headers'>): string | undefined {
  return headers[noteHeader];
}

/** What a note says, or why it says nothing. */
export function readNote(record: BusRecord, proven: ProvenRecords): Note | Unproven {
  return proven.refusalOf(record, [noteSigner]) ?? (JSON.parse(Buffer.from(record.value).toString()) as Note);
}

function noteOf({ id, at, key }: DeadLetter, { state, by }: Pick<Note, 'state' | 'by'>): OutRecord {
  const value = Buffer.from(JSON.stringify({ id, at, state, by } satisfies Note));
  return { key, value, headers: { [noteHeader]: id }, partition: placeOf(id)?.partition ?? 0 };
}
