import type { ShownPlacedFinding } from '@norn/contracts';
import type { Rule } from '@norn/rules';
import { parseAction } from './action.ts';
import { judge } from './play-catalogue.ts';

const action = parseAction(
  'cron_persistence-x.sh',
  '# what: Writes a job file.\n# rule: cron_persistence\n# technique: T1053.003\n# severity: medium\n# where: host\n:\n:\n:\n',
);
const entry = { action, rule: { file: 'cron_persistence.yml' } as Rule };
const found = {
  alertId: 'a1',
  finding: { severity: 'medium', techniques: ['T1053.003'], time: '1970-01-01T00:00:02.500Z' },
} as unknown as ShownPlacedFinding;

describe('the judgement of an action', () => {
  it('passes when its finding came within two seconds', () => {
    expect(judge(entry, { found, atMs: 3000, others: [] }, 1000)).toEqual({
      severity: 'medium',
      alertId: 'a1',
      ms: 2000,
      result: 'passed',
      note: '',
    });
  });

  it('is late a moment after, and says to whom the time went', () => {
    expect(judge(entry, { found, atMs: 3001, others: [] }, 1000)).toMatchObject({
      ms: 2001,
      result: 'late',
      note: 'later than 2000 ms: it was done after 1500 ms, told 501 ms later',
    });
  });

  it('does not pass with another severity or technique', () => {
    const severe = { ...found, finding: { ...found.finding, severity: 'high' } };
    expect(judge(entry, { found: severe, atMs: 1, others: [] }, 0)).toMatchObject({ result: 'wrong severity' });
    const other = { ...found, finding: { ...found.finding, techniques: ['T1105'] } };
    expect(judge(entry, { found: other, atMs: 1, others: [] }, 0)).toMatchObject({
      result: 'failed',
      note: 'cron_persistence.yml speaks of T1105',
    });
  });

  it('says what came instead when nothing right did', () => {
    const note = judge(entry, { atMs: 9000, others: ['Hidden program'] }, 0).note;
    expect(note).toBe('came instead: Hidden program');
    expect(judge(entry, { atMs: 9000, others: [] }, 0)).toMatchObject({
      result: 'missing',
      note: 'nothing came of this process',
    });
  });
});
