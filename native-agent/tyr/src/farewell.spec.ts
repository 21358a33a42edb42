import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

it('says nothing of the last one when what it left can not be read', () => {
  writeFileSync(join(folder, 'farewell.json'), '{');
  expect(begun().uncleanStarts).toBe(0);
});
