// What a simulated attack reports, and what is expected of it: every trace is gone.
export interface AttackReport {
  containerId: string;
  alertId: string;
  severity: string;
  state: string;
  killedPids: number[];
  files: Record<'restored' | 'removed' | 'unchanged' | 'lost' | 'conflict', number>;
  verdict: { identical: boolean; files: number; differences: string[] };
  problems: string[];
  passed: boolean;
}

/** One file a second is its nature; five a second is slow enough for a test. */
export function paceOf(mode: string): string[] {
  return mode === 'slow' ? ['--pause', '200'] : [];
}

/** An attack whose every trace is gone: what the alert and the independent manifest say must agree. */
export function expectUndone(report: AttackReport): void {
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({ passed: true, state: 'remediated', severity: 'critical' });
  expect(report.verdict).toMatchObject({ identical: true, files: 301 });
  expect(report.files).toMatchObject({ lost: 0, conflict: 0 });
  expect(report.files.restored + report.files.removed).toBeGreaterThan(0);
}

/** One that only deletes: three hundred names take it some milliseconds, so it may have ended before anybody could stop it. */
export function expectDeletionUndone(report: AttackReport): void {
  expect(report).toMatchObject({ state: 'remediated', severity: 'critical' });
  expect(report.verdict).toMatchObject({ identical: true, differences: [], files: 301 });
  expect(report.files).toMatchObject({ lost: 0, conflict: 0 });
  expect(report.files.restored).toBeGreaterThan(0);
}
