import type { TrialResult } from './play-catalogue.ts';
import { reportOf, tableText } from './table.ts';

const passed: TrialResult = {
  action: 'cron_persistence-spool',
  what: 'Writes a table of jobs.',
  place: 'host',
  rule: 'cron_persistence',
  technique: 'T1053.003',
  severity: 'medium',
  containerId: '',
  pid: 412,
  alertId: 'a1',
  ms: 320,
  result: 'passed',
  note: '',
};
const missing: TrialResult = {
  ...passed,
  technique: 'T1046',
  severity: '',
  ms: 0,
  result: 'missing',
  note: 'came instead: X',
};

describe('the table of the catalogue', () => {
  it('stands in the order of the techniques, each named once', () => {
    const lines = tableText(reportOf([passed, missing, { ...passed, place: 'container' }])).split('\n');
    expect(lines[2]).toMatch(/^T1046 Network Service Discovery .* – +– +missing: came instead: X$/);
    expect(lines[3]).toMatch(/^T1053.003 Cron +cron_persistence-spool +host +cron_persistence +medium +320 +passed$/);
    expect(lines[4]).toMatch(/^ +cron_persistence-spool +container /);
  });

  it('ends with a summary', () => {
    expect(tableText(reportOf([passed]))).toMatch(/\n✔ 1 passed, 0 failed$/);
    const report = reportOf([passed, missing, { ...passed, result: 'skipped' }, { ...passed, result: 'late' }]);
    expect(report).toMatchObject({ passed: 1, failed: 2, skipped: 1 });
    expect(tableText(report)).toMatch(/\n✘ 1 passed, 2 failed, 1 skipped$/);
  });
});
