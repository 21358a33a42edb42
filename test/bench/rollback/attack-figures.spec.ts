import type { ShownAlert, ShownAlertDetail } from '@norn/contracts';
import { attackFigures, summarizeAttacks, type AttackEvidence, type AttackFigures } from './attack-figures.ts';

const folder = '/srv/company';
const file = (content: string, size = 100): Record<string, unknown> => ({ kind: 'file', content, size, mode: 33188 });
const before = { 'a.txt': file('aa'), 'b.txt': file('bb', 1000), 'c.txt': file('cc', 10) };
const quiet = { before: { 'z.txt': file('zz') }, after: { 'z.txt': file('zz') } };

const process = (processUid: string, parentUid: string, commandLine: string, killed = true) => ({
  processUid,
  parentUid,
  killed,
  images: [{ commandLine }],
});

type Parts = Partial<Omit<ShownAlertDetail, 'alert'>> & { alert?: Partial<ShownAlert> };

function detail(parts: Parts = {}): ShownAlertDetail {
  const alert = {
    filesChanged: 1,
    stoppedAfterMs: 7,
    files: { restored: 2, removed: 1, unchanged: 0, lost: 0, conflict: 0 },
    ...parts.alert,
  };
  const files = ['a.txt', 'b.txt', 'a.txt.locked'].map((name) => ({ path: `${folder}/${name}`, verdict: 'restored' }));
  return { processes: [], commands: [], files, ...parts, alert } as unknown as ShownAlertDetail;
}

const evidence: AttackEvidence = {
  place: 'host',
  mode: 'in-place',
  folder,
  corpus: { before, after: before },
  bystander: quiet,
  detail: detail(),
  others: [],
  problem: '',
};

describe('the figures of one attack', () => {
  it('count what had to be put back when the agent counted fewer, with the sizes before', () => {
    const figures = attackFigures(evidence);
    expect(figures).toMatchObject({ detected: true, filesChanged: 2, bytesChanged: 1100, stoppedAfterMs: 7 });
    expect(figures).toMatchObject({ restored: 2, removed: 1, lost: 0, collateralFiles: 0, identical: true });
  });

  it("count the agent's own number when it is larger", () => {
    expect(attackFigures({ ...evidence, detail: detail({ alert: { filesChanged: 9 } }) }).filesChanged).toBe(9);
  });

  it('call a touched file lost when it differs, whatever was reported', () => {
    const after = { ...before, 'a.txt': file('encrypted') };
    expect(attackFigures({ ...evidence, corpus: { before, after } })).toMatchObject({ lost: 1, identical: false });
  });

  it('call a file collateral when it differs and the attack is not known to have touched it', () => {
    const after = { ...before, 'c.txt': file('changed') };
    const bystander = { before: quiet.before, after: {} };
    const figures = attackFigures({ ...evidence, corpus: { before, after }, bystander });
    expect(figures).toMatchObject({ lost: 0, collateralFiles: 2, identical: false });
  });

  it('call everything lost that differs after an attack nobody saw', () => {
    const after = { 'a.txt': file('x'), 'b.txt': file('y'), 'c.txt.locked': file('z') };
    const figures = attackFigures({ ...evidence, corpus: { before, after }, detail: undefined, problem: 'no alert' });
    expect(figures).toMatchObject({ detected: false, filesChanged: 3, lost: 3, collateralFiles: 0 });
  });

  it('see in what is left behind that the corpus is not identical', () => {
    const after = { ...before, 'READ_ME.txt': file('pay') };
    expect(attackFigures({ ...evidence, corpus: { before, after } })).toMatchObject({ lost: 0, identical: false });
  });

  it('count killed processes that neither name the corpus nor come from one that does', () => {
    const processes = [
      process('1', '0', `sh -c norn-attack ransomware ${folder}; :`),
      process('2', '1', 'worker'),
      process('3', '0', 'postgres'),
      process('4', '0', 'nginx', false),
    ] as unknown as ShownAlertDetail['processes'];
    const others = [{ killedPids: [70, 71] }] as unknown as ShownAlert[];
    expect(attackFigures({ ...evidence, detail: detail({ processes }), others }).collateralProcesses).toBe(3);
  });

  it('add up restores, and take their speed from what the vault told', () => {
    const restore = (message: string) => ({
      action: 'restore',
      requestedAt: '2026-11-01T10:00:00.000Z',
      finishedAt: '2026-11-01T10:00:00.050Z',
      message,
    });
    const kill = { ...restore(''), action: 'kill' };
    const commands = [kill, restore('12 files in 3 ms'), restore('0 files in 0 ms')];
    const figures = attackFigures({
      ...evidence,
      detail: detail({ commands: commands as ShownAlertDetail['commands'] }),
    });
    expect(figures).toMatchObject({ restoreMs: 100, filesPerSecond: 3000 });
  });
});

describe('the summary of the attacks', () => {
  const good = attackFigures(evidence);
  const runs = (...changed: number[]): AttackFigures[] => changed.map((filesChanged) => ({ ...good, filesChanged }));

  it('meets the aims when nothing is lost or hit and few files are changed', () => {
    expect(summarizeAttacks(runs(1, 9, 29))).toMatchObject({ filesChangedMedian: 9, filesChangedP99: 29, missed: [] });
  });

  it.each<[string, AttackFigures[], string]>([
    ['a median of ten', runs(10, 10, 1), 'median of files changed is 10, not below 10'],
    ['a p99 of thirty', runs(1, 1, 30), 'p99 of files changed is 30, not below 30'],
    ['one lost file', [{ ...good, lost: 1 }], '1 files lost'],
    ['one file of others', [{ ...good, collateralFiles: 1 }], '1 files or processes of others were hit'],
    ['one process of others', [{ ...good, collateralProcesses: 1 }], '1 files or processes of others were hit'],
    ['a corpus that differs', [{ ...good, identical: false }], '1 of 1 corpora are not identical afterwards'],
    ['a run that failed', [{ ...good, problem: 'no alert' }], '1 of 1 attacks did not end as they should'],
  ])('misses them by %s', (_, rows, sentence) => {
    expect(summarizeAttacks(rows).missed).toEqual([sentence]);
  });

  it('leaves out what the kernel refused', () => {
    const refused = { ...good, refused: true, problem: 'refused', identical: false, filesChanged: 0 };
    expect(summarizeAttacks([...runs(5), refused])).toMatchObject({ runs: 1, filesChangedMedian: 5, missed: [] });
  });

  it('misses them when nothing was played', () => {
    expect(summarizeAttacks([]).missed).toContain('no attack was played');
  });
});
