// Rules against vectors: those of a folder of this test, and SigmaHQ's for Linux when they are at hand.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testRules } from './test-rules.ts';

const rule = (id: number, condition: string): string => `title: Rule ${id}
id: 00000000-0000-4000-8000-00000000000${id}
logsource: { product: linux }
detection: { a: { f: 1 }, condition: ${condition} }
`;

describe('rules against vectors', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'norn-rules-'));
    await writeFile(join(folder, 'good.yml'), rule(1, 'a'));
    await writeFile(join(folder, 'old.yml'), rule(2, 'a | count() > 5'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const vectors = async (...lines: object[]): Promise<string> => {
    const path = join(folder, 'vectors.jsonl');
    await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'));
    return path;
  };

  it('counts rules and events, and names what is wrong', async () => {
    const id = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`;
    const file = await vectors(
      { id: id(1), title: 'Rule 1', match: [{ f: 1 }, { f: 2 }], nomatch: [{}] },
      { id: id(2), title: 'Rule 2', file: 'old.yml', match: [{ f: 1 }] },
      { id: id(3), title: 'Rule 3', nomatch: [{}] },
    );
    const report = await testRules(folder, file);
    expect(report.rules).toEqual({ right: 0, total: 3 });
    expect(report.events).toEqual({ right: 2, total: 5 });
    expect(report.wrong.map(({ rule, expected }) => [rule, expected])).toEqual([
      ['Rule 1', 'match'],
      ['Rule 2', 'a rule that compiles'],
      ['Rule 3', 'a rule that compiles'],
    ]);
    expect(report.wrong[1]?.error).toContain('old.yml:4: detection.condition: aggregation "count"');
  });

  it('without vectors counts what compiles', async () => {
    const { rules, refused } = await testRules(folder);
    expect(rules).toEqual({ right: 1, total: 2 });
    expect(refused).toHaveLength(1);
  });

  it('says which line is no vector, and that a folder holds no rules', async () => {
    const path = join(folder, 'broken.jsonl');
    await writeFile(path, '{"id": 1}\n');
    await expect(testRules(folder, path)).rejects.toThrow(`${path}:1: not a vector`);
    await expect(testRules(join(folder, 'nothing'))).rejects.toThrow('does not exist: name a folder of .yml files');
  });
});

const shared = join(import.meta.dirname, '../../../../../../shared/sigma');

(existsSync(shared) ? describe : describe.skip)("SigmaHQ's rules for Linux", () => {
  it('all compile, and are right about every one of their vectors', async () => {
    const report = await testRules(shared, join(shared, 'vectors.jsonl'));
    console.log(
      `rules ${report.rules.right}/${report.rules.total}, events ${report.events.right}/${report.events.total}`,
    );
    expect(report.wrong).toEqual([]);
    expect(report.rules.total).toBeGreaterThan(200);
  });
});
