// What a file of events may begin with.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInput } from './open-file.ts';

describe('a file of events', () => {
  it.each([
    ['a byte order mark', '\ufeff{"a":1}\n'],
    ['a byte order mark and blank lines', '\ufeff\r\n\n{"a":1}\n'],
    ['an event', '{"a":1}\n'],
  ])('may begin with %s', async (_, text) => {
    const folder = await mkdtemp(join(tmpdir(), 'norn-open-'));
    try {
      await writeFile(join(folder, 'events.jsonl'), text);
      expect((await openInput(join(folder, 'events.jsonl'))).format).toBe('lines');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
