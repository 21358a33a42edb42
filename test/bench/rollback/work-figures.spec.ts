import type { ShownAlertDetail } from '@norn/contracts';
import { isOfWork, notHere, summarizeWork, workFigures, type WorkFigures } from './work-figures.ts';

const done = { code: 0, signal: null, ms: 1200.4, said: '' };
const alert = (severity: string, killedPids: number[] = [], rung = 'observed'): ShownAlertDetail =>
  ({
    alert: { severity, killedPids, title: `a ${severity} alert` },
    findings: [{ rung }],
  }) as unknown as ShownAlertDetail;

describe('the figures of one piece of work', () => {
  it('are nothing when nobody minded it', () => {
    const figures = workFigures('tar', done, { own: [], elsewhere: 2 });
    expect(figures).toMatchObject({ outcome: 'done', ms: 1200, kills: 0, suspends: 0, alerts: 0, elsewhere: 2 });
  });

  it('count each killed process once, each freezing, and alerts of medium or above', () => {
    const own = [alert('critical', [4, 5]), alert('medium', [5], 'frozen'), alert('low')];
    expect(workFigures('gpg', done, { own, elsewhere: 0 })).toMatchObject({
      kills: 2,
      suspends: 1,
      alerts: 2,
      titles: ['a critical alert', 'a medium alert'],
    });
  });

  it.each([
    { code: 137, signal: null },
    { code: null, signal: 'SIGKILL' },
  ])('count a kill that no alert tells of: %p', (ending) => {
    const figures = workFigures('age', { ...done, ...ending }, { own: [], elsewhere: 0 });
    expect(figures).toMatchObject({ outcome: 'failed', kills: 1 });
  });

  it('are a failure and no kill when the work fails by itself', () => {
    const figures = workFigures('borg', { ...done, code: 2, said: 'no space' }, { own: [], elsewhere: 0 });
    expect(figures).toMatchObject({ outcome: 'failed', kills: 0, reason: 'ended with 2: no space' });
  });
});

describe('an alert', () => {
  const process = (pid: number, parentPid: number, workingDirectory = '/') => ({
    pid,
    parentPid,
    images: [{ workingDirectory, commandLine: 'gpg -c x' }],
  });
  const detail = (...processes: object[]): ShownAlertDetail => ({ processes }) as unknown as ShownAlertDetail;

  it("is the work's when its shell stands in it, or someone who works in its folder", () => {
    expect(isOfWork(detail(process(70, 1)), 70, '/srv/norn-bench/1')).toBe(true);
    expect(isOfWork(detail(process(71, 70)), 70, '/srv/norn-bench/1')).toBe(true);
    expect(isOfWork(detail(process(90, 80, '/srv/norn-bench/1/x')), 70, '/srv/norn-bench/1')).toBe(true);
  });

  it('is of others otherwise', () => {
    expect(isOfWork(detail(process(90, 80, '/home/a')), 70, '/srv/norn-bench/1')).toBe(false);
  });
});

describe('the summary of ordinary work', () => {
  const row = (parts: Partial<WorkFigures> = {}): WorkFigures => ({
    ...workFigures('tar', done, { own: [], elsewhere: 0 }),
    ...parts,
  });

  it('meets the aims with five alerts, and with tools that are not here', () => {
    expect(summarizeWork([row({ alerts: 5 }), notHere('age loop', ['age'])])).toMatchObject({ done: 1, missed: [] });
  });

  it.each<[string, Partial<WorkFigures>, string]>([
    ['one kill', { kills: 1 }, '1 processes of ordinary work were killed'],
    ['one suspend', { suspends: 1 }, 'ordinary work was suspended 1 times'],
    ['six alerts', { alerts: 6 }, '6 alerts of medium or above, more than 5'],
    ['work that failed', { outcome: 'failed' }, 'did not get done: tar'],
  ])('misses them by %s', (_, parts, sentence) => {
    expect(summarizeWork([row(), row(parts)]).missed).toEqual([sentence]);
  });

  it('misses them when nothing was done', () => {
    expect(summarizeWork([notHere('age loop', ['age'])]).missed).toEqual(['no ordinary work was done']);
  });
});
