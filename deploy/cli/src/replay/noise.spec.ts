// Recordings of ordinary work, when they are at hand: nobody is woken by it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unperturbed } from './perturb/perturb-arrivals.ts';
import { replay } from './replay.ts';
import { countLevels } from './report.ts';
import { reportText } from './report-text.ts';

const recording = join(import.meta.dirname, '../../../../../shared/noise/workloads.jsonl.gz');
if (!existsSync(recording)) console.log(`skipped: ${recording} is not here`);

(existsSync(recording) ? describe : describe.skip)('recordings of ordinary work', () => {
  it('give no alert of high or above and three of medium at most', async () => {
    const report = await replay(recording);
    console.log(reportText(report));
    const { medium, high, critical } = countLevels(report.alerts);
    expect({ high, critical }).toEqual({ high: 0, critical: 0 });
    expect(medium).toBeLessThanOrEqual(3);
    expect(report).toMatchObject({ arrivals: { repeated: 0, late: 0, untold: 0, missing: 0 }, refused: { total: 0 } });
    expect(report.events).toBeGreaterThan(30_000);
  });

  it('give the same out of order and twice, and no more with one event in a hundred lost', async () => {
    const { events, findings, alerts, perWorkload } = await replay(recording);
    const mixed = await replay(recording, {
      perturbation: { seed: 7, isShuffled: true, duplicatePercent: 10, losePercent: 0 },
    });
    expect(mixed).toMatchObject({ events, findings, alerts, perWorkload });
    const lossy = await replay(recording, { perturbation: { ...unperturbed, losePercent: 1 } });
    const known = new Set(findings.map(({ id }) => id));
    expect(lossy.findings.filter(({ id }) => !known.has(id))).toEqual([]);
    expect(lossy.alerts.length).toBeLessThanOrEqual(alerts.length);
    expect(lossy.events).toBeLessThan(events);
  });
});
