// The coverage of a folder of this test, and of SigmaHQ's rules for Linux when they are at hand.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coverageText, rulesCoverage } from './rules-coverage.ts';

const rule = (title: string, logsource: string, selection: string): string =>
  `title: ${title}\nlogsource: { ${logsource} }\ndetection: { a: { ${selection} }, condition: a }\n`;

describe('the coverage of rules', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'norn-coverage-'));
    await writeFile(join(folder, 'a.yml'), rule('Seen', 'category: process_creation', 'Image: x'));
    await writeFile(join(folder, 'b.yml'), rule('Log of logins', 'service: sshd', 'f: x'));
    await writeFile(join(folder, 'c.yml'), rule('Half seen', 'product: linux, service: auditd', 'type: [TTY, EXECVE]'));
    await writeFile(join(folder, 'd.yml'), rule('Broken', 'category: process_creation', 'Image|containz: x'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('counts what runs, names what does not with the cause, and goes on after a file that is wrong', async () => {
    const report = await rulesCoverage(folder);
    expect(report.byExtent).toEqual({ whole: 1, part: 1, none: 1 });
    expect(report.byCause).toEqual({ 'log source': 1, field: 0, value: 1 });
    expect(report.blindSpots.map(({ what, rules }) => [what, rules])).toEqual([
      ['service sshd', ['Log of logins']],
      ['type TTY', ['Half seen']],
    ]);
    expect(report.refused).toEqual([expect.stringContaining('d.yml:3: detection.a.Image|containz')]);
    const text = coverageText(report);
    expect(text).toContain('✓ Seen (medium)');
    expect(text).toContain('◐ Half seen (medium): not seen: type TTY');
    expect(text).toContain('4 rules: 1 run here, 1 in part, 1 not, 1 are not valid');
  });
});

const shared = join(import.meta.dirname, '../../../../../../shared/sigma');

(existsSync(shared) ? describe : describe.skip)("SigmaHQ's rules for Linux", () => {
  it.each([
    ['rules', 180],
    ['rules-emerging-threats', 25],
  ])('in %s run here, or say why not', async (folder, runMin) => {
    const report = await rulesCoverage(join(shared, folder));
    console.log(coverageText({ ...report, rules: [] }));
    expect(report.refused).toEqual([]);
    expect(report.byExtent.whole + report.byExtent.part).toBeGreaterThan(runMin);
    for (const { extent, lacks } of report.rules) expect(lacks.length === 0).toBe(extent === 'whole');
  });
});
