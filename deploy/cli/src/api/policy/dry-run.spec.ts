// Policies over recorded events: what would have been done, what another would do otherwise, and that ordinary work is left alone.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePolicy, type Policy } from '@norn/response';
import { dryRun } from './dry-run.ts';
import { dryRunText } from './policy-text.ts';
import { readPolicy } from './read-policy.ts';

const policyOf = (...rules: string[]): Policy =>
  parsePolicy('p.yml', `policy: trial\nversion: 2\nrules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`);
const shells = '{ name: shells, when: { exec: { ParentImage|endswith: /nginx } }, action: deny, otherwise: suspend }';
const trusted = '{ name: trusted, when: { exec: { CommandLine|contains: --known } }, action: allow }';
const staged =
  "{ name: notes, when: { file: { TargetFilename|endswith: .txt } }, action: kill, observeUntil: '2026-06-01' }";
const ofWeb = '{ name: web, when: { exec: { Image: /usr/bin/id } }, subjects: { hostGroup: web }, action: alert }';

describe('a dry run', () => {
  let folder = '';
  let recording = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'norn-policy-'));
    recording = join(folder, 'events.jsonl');
    const at = (day: string): number => Date.parse(day) * 1000;
    const lines = [
      { op: 'exec', pid: 1, image: '/usr/sbin/nginx', argv: ['nginx'], timeUs: at('2026-05-01T00:00Z') },
      { op: 'fork', pid: 2, ppid: 1, timeUs: at('2026-05-01T00:01Z') },
      { op: 'exec', pid: 2, ppid: 1, image: '/bin/sh', argv: ['sh', '-c', 'id'], timeUs: at('2026-05-01T00:02Z') },
      { op: 'fork', pid: 3, ppid: 1, timeUs: at('2026-05-01T00:03Z') },
      { op: 'exec', pid: 3, ppid: 1, image: '/bin/sh', argv: ['sh', '--known'], timeUs: at('2026-05-01T00:04Z') },
      { op: 'create', pid: 2, path: '/tmp/a.txt', timeUs: at('2026-05-31T23:59Z') },
      { op: 'create', pid: 2, path: '/tmp/b.txt', timeUs: at('2026-06-01T00:00Z') },
      { op: 'exec', pid: 2, image: '/usr/bin/id', argv: ['id'], timeUs: at('2026-06-01T00:01Z') },
    ];
    await writeFile(recording, lines.map((line, seq) => JSON.stringify({ w: 'one', seq, ...line })).join('\n'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('says what each rule would have done, by the lineage and the time of the events', async () => {
    const report = await dryRun({ policy: policyOf(trusted, shells, staged), recording });
    expect(report).toMatchObject({ policy: 'trial', version: 2, events: 8, refused: { matches: 0, batches: 0 } });
    expect(
      report.rules.map(({ name, action, otherwise, events, staged }) => [name, action, otherwise, events, staged]),
    ).toEqual([
      ['trusted', 'allow', '', 1, 0],
      ['shells', 'deny', 'suspend', 2, 0],
      ['notes', 'kill', '', 2, 1],
    ]);
    expect(report.actions).toEqual({ protections: 3, allow: 1, deny: 2, kill: 1, observe: 1 });
    expect(report.rules[1]?.examples[0]).toEqual({
      time: '2026-05-01T00:02:00.000Z',
      host: 'one',
      summary: 'nginx started sh: sh -c id',
    });
    expect(dryRunText(report)).toContain('trial v2 over 8 events: allow 1, observe 1, kill 1, deny 2; 3 left');
  });

  it('says what would be decided otherwise than by another policy', async () => {
    const report = await dryRun({ policy: policyOf(trusted, shells), against: policyOf(shells, staged), recording });
    const told = report.differences?.map(({ before, after, events }) => [before.action, after.action, events]);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        ['deny', 'allow', 1],
        ['kill', 'protections', 1],
        ['observe', 'protections', 1],
      ]),
    );
    expect(dryRunText(report)).toContain('3 events are decided otherwise:');
    const same = await dryRun({
      policy: policyOf(shells),
      against: policyOf(shells.replace('shells', 'renamed')),
      recording,
    });
    expect(same.differences).toEqual([]);
  });

  it('knows the groups that it is told', async () => {
    const eventsWith = async (groups: string[]): Promise<number | undefined> =>
      (await dryRun({ policy: policyOf(ofWeb), recording, groups })).rules[0]?.events;
    expect(await eventsWith([])).toBe(0);
    expect(await eventsWith(['web'])).toBe(1);
  });
});

const noise = join(import.meta.dirname, '../../../../../../shared/noise/workloads.jsonl.gz');
if (!existsSync(noise)) console.log(`skipped: ${noise} is not here`);

(existsSync(noise) ? describe : describe.skip)('the recommended policy over recordings of ordinary work', () => {
  it('observes at most', async () => {
    const report = await dryRun({ policy: await readPolicy('recommended'), recording: noise });
    console.log(dryRunText(report));
    expect(report.events).toBeGreaterThan(30_000);
    expect(report.refused).toEqual({ matches: 0, batches: 0 });
    const done = Object.keys(report.actions).filter((action) => !['protections', 'allow', 'observe'].includes(action));
    expect(done).toEqual([]);
  });
});
