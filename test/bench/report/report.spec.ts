import type { AttackFigures } from '../rollback/attack-figures.ts';
import { hostileSection, type LineResult } from './hostile-section.ts';
import { withSection } from './page.ts';
import { attackSection, catalogueSection, rulesSection } from './sections.ts';

describe('the report of figures', () => {
  const page = 'Before\n<!-- figures: a -->\nold\n<!-- /figures -->\nBetween\n<!-- figures: b -->\n<!-- /figures -->\n';

  it('replaces what stands between the marks of a part and nothing else', () => {
    const once = withSection(page, 'a', 'new');
    expect(once).toBe(page.replace('\nold\n', '\n\nnew\n\n'));
    expect(withSection(once, 'a', 'new')).toBe(once);
    expect(withSection(page, 'b', 'x')).toContain('old');
  });

  it('says which mark is missing', () => {
    expect(() => withSection(page, 'c', '')).toThrow('<!-- figures: c -->');
    expect(() => withSection('<!-- /figures --><!-- figures: a -->', 'a', '')).toThrow('figures: a');
  });

  it('tells of the worst run of each way and place, and of what was lost in all', () => {
    const row = (place: string, changed: number, more: Partial<AttackFigures> = {}): AttackFigures =>
      ({ mode: 'mmap', place, filesChanged: changed, lost: 0, refused: false, problem: '', ...more }) as AttackFigures;
    const attacks = [
      row('image', 3),
      row('image', 8),
      row('host', 2, { lost: 1, problem: 'x' }),
      row('upper', 0, { refused: true }),
    ];
    const summary = {
      runs: 3,
      failed: 1,
      filesChangedMedian: 3,
      filesChangedP99: 8,
      lost: 1,
      collateral: 0,
      identical: 2,
      missed: [],
    };
    const text = attackSection({ files: 100, attacks, summary });
    expect(text).toContain('**1 files lost** over 3 attacks on 100 files each; 2 of 3');
    expect(text).toContain('| `mmap` | 8 / 0 | refused by the kernel | – | – | 2 / 1 ✘ |');
  });

  it('names the actions that were missed', () => {
    const trial = {
      action: 'a',
      what: '',
      place: 'host',
      rule: 'r',
      technique: 'T1',
      severity: '',
      containerId: '',
    } as const;
    const results = [
      { ...trial, pid: 1, alertId: 'x', ms: 40, result: 'passed', note: '' },
      { ...trial, pid: 1, alertId: '', ms: 0, result: 'missing', note: 'no alert' },
    ] as const;
    const text = catalogueSection({ results, passed: 1, failed: 1, skipped: 0 });
    expect(text).toContain('1 of 2 actions');
    expect(text).toContain('p50 40 ms');
    expect(text).toContain('missed: `a` · host: missing no alert');
  });

  it('says of hostile use what the tests said, and what nobody tests', () => {
    const failing = (...tests: string[]): LineResult['tally'] => ({
      passed: 5,
      failed: tests.length,
      failures: tests.map((test) => ({ test, file: '/x' })),
    });
    const ways = [
      [3, 'ends all'],
      [6, '(6): is told'],
      [7, '(7): is told'],
    ] as const;
    const line = { what: 'Ways', aim: '25 of 25', ways };
    const text = hostileSection([
      { what: 'Doors', aim: '0', tally: failing() },
      { what: 'Records', aim: '0', tally: failing('a', 'b') },
      { ...line, tally: failing('root memory (7): is told') },
      { ...line, what: 'Not loaded', tally: failing('') },
      { what: 'Rings', aim: 'all', tally: undefined },
    ]);
    expect(text.split('\n').slice(2)).toEqual([
      '| Doors | 0 | 0 | 5 of 5 |',
      '| Records | 0 | ✘ 2 | 5 of 7 |',
      '| Ways | 25 of 25 | 2 of 25 | 5 of 6 |',
      '| Not loaded | 25 of 25 | 0 of 25 | 5 of 6 |',
      '| Rings | all | not tested | – |',
    ]);
  });

  it('shows numbers as people write them', () => {
    const rules = { rules: 3000, eventsPerSecond: 591_234.4, nsPerEvent: 1691.2, startMs: 812.4, heapMb: 61.2 };
    expect(rulesSection([rules])).toContain('| 3,000 | 591,234 | 1691 | 812 ms | 61 MB |');
  });
});
