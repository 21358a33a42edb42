import { NornError } from '@norn/base';
import type { ShownAlert } from '@norn/contracts';
import { cellOf, matrixText, reportOf, type Cell } from './matrix.ts';

const same = { identical: true, files: 301, differences: [], differing: 0 };
const files = { restored: 5, removed: 1, unchanged: 0, lost: 0, conflict: 0 };
const alert = { id: 'a1', state: 'remediated', stoppedAfterMs: 12, filesChanged: 5, files } as unknown as ShownAlert;

const remediated = cellOf('mmap', 'host', { alert, verdict: same, detectedAfterMs: 300 });
const undetected = cellOf('wiper-unlink', 'upper', {
  failure: new NornError('not_detected', 'No alert within 20 s'),
  verdict: { identical: false, files: 301, differences: ['a: gone', 'b: gone'], differing: 2 },
  detectedAfterMs: 0,
});
const refused: Cell = { ...undetected, mode: 'io-uring', state: 'refused', problems: ['refused'] };

describe('the table of all modes and places', () => {
  it('has a row with what the alert and the manifest say', () => {
    expect(remediated).toMatchObject({
      state: 'remediated',
      filesChanged: 5,
      restored: 5,
      removed: 1,
      identical: true,
    });
    expect(matrixText(reportOf([remediated]))).toMatch(/mmap +host +5 files \/ 12 ms +5 +1 +0 +0 +identical/);
  });

  it('fails when an attack was not seen, and says how much differs', () => {
    expect(undetected.problems).toEqual(['No alert within 20 s', 'a: gone', 'b: gone']);
    const report = reportOf([remediated, undetected]);
    expect(report).toMatchObject({ passed: false, identical: 1 });
    expect(matrixText(report)).toMatch(/wiper-unlink +upper +not detected .* 2 differ\n\n/);
    expect(matrixText(report)).toContain(
      'wiper-unlink · upper:\n  No alert within 20 s\n  a: gone\n  b: gone\n\n✘ 1 of 2 identical',
    );
  });

  it('names the first few of many differences, on one line each', () => {
    const differences = Array.from({ length: 9 }, (_, index) => `second\nline ${String(index)}: gone`);
    const verdict = { identical: false, files: 301, differences, differing: 9 };
    const text = matrixText(reportOf([cellOf('mmap', 'host', { alert, verdict, detectedAfterMs: 1 })]));
    expect(text).toContain('mmap · host:\n  second\\nline 0: gone\n');
    expect(text).toContain('second\\nline 4: gone\n  … and 4 more\n');
  });

  it('fails when an alert says remediated and a file differs all the same', () => {
    const differs = cellOf('mmap', 'host', { alert, verdict: { ...same, identical: false }, detectedAfterMs: 1 });
    expect(reportOf([differs]).passed).toBe(false);
  });

  it('does not blame Norn for what the kernel refuses to the attacker', () => {
    const report = reportOf([remediated, refused]);
    expect(report).toMatchObject({ passed: true, refused: 1 });
    expect(matrixText(report)).toContain('✔ 1 of 1 identical, 1 refused by the kernel');
  });
});
