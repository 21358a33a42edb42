import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Farewell } from './farewell.ts';

const logger = pino({ level: 'silent' });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'norn-farewell-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function begun(): Farewell {
  const farewell = new Farewell(folder, logger);
  farewell.begin();
  return farewell;
}

it('counts starts after an end that was none in order, and remembers them', () => {
  expect(begun().uncleanStarts).toBe(0);
  expect(begun().uncleanStarts).toBe(1);
  const third = begun();
  expect(third.uncleanStarts).toBe(2);
  third.end();
  expect(begun().uncleanStarts).toBe(2);
});

it('names the last run that was heard, when that and all since ended in order', () => {
  const name = ({ run: { runId } }: Farewell): string => Buffer.from(runId).toString('hex');
  const before = ({ run: { previousRunId } }: Farewell): string => Buffer.from(previousRunId).toString('hex');
  const first = begun();
  expect([name(first).length, before(first)]).toEqual([32, '']);
  first.heard();
  expect(readFileSync(join(folder, 'farewell.json'), 'utf8')).not.toContain(name(first));
  first.end();
  const unheard = begun();
  expect(before(unheard)).toBe(name(first));
  unheard.end();
  const third = begun();
  expect(before(third)).toBe(name(first));
  expect(new Set([first, unheard, third].map(name)).size).toBe(3);
  third.heard();
  expect(before(begun())).toBe('');
});

it('says nothing of the last one when what it left can not be read', () => {
  writeFileSync(join(folder, 'farewell.json'), '{');
  expect(begun().uncleanStarts).toBe(0);
});
