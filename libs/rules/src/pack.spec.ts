// Every rule of the pack against its own events, and the pack against recordings of ordinary work.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { buildRuleBatch, parseRule, RuleEngine, type Rule, type TestEvent } from './index.ts';

const folder = join(import.meta.dirname, '../pack');
const rules = readdirSync(folder)
  .filter((file) => file.endsWith('.yml'))
  .map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8')));
const engine = new RuleEngine(rules);

function firing(event: TestEvent): string[] {
  return engine.evaluate(buildRuleBatch([event])).matches.map((match) => match.rule.file);
}

describe('the pack', () => {
  it('holds at least ten rules with ids of their own', () => {
    expect(new Set(rules.map((rule) => rule.id)).size).toBeGreaterThanOrEqual(10);
  });

  it.each(rules.map((rule) => [rule.file, rule] as const))(
    '%s fires on its attacks and on nothing else',
    (file, rule: Rule) => {
      expect(rule.techniques.length).toBeGreaterThan(0);
      expect(rule.falsepositives.length).toBeGreaterThan(0);
      const { positive = [], negative = [] } = rule.tests ?? {};
      expect(Math.min(positive.length, negative.length)).toBeGreaterThanOrEqual(2);
      for (const event of positive) expect([event, firing(event)]).toEqual([event, expect.arrayContaining([file])]);
      for (const event of negative) expect([event, firing(event)]).toEqual([event, expect.not.arrayContaining([file])]);
    },
  );

  it('says what happened in a sentence with the values of the event', () => {
    const event = { EventKind: 'exec', Image: '/bin/sh', CommandLine: 'sh -c id', ParentImage: '/usr/sbin/nginx' };
    const [match] = engine.evaluate(buildRuleBatch([event])).matches;
    expect(match?.summary).toBe('nginx started a shell: sh -c id');
    expect(match?.evidence).toEqual([
      { field: 'Image', value: '/bin/sh' },
      { field: 'ParentImage', value: '/usr/sbin/nginx' },
    ]);
  });
});

interface Recorded {
  readonly w: string;
  readonly op: string;
  readonly pid: number;
  readonly image?: string;
  readonly argv?: readonly string[];
  readonly path?: string;
  readonly old?: string;
}

const recording = join(import.meta.dirname, '../../../../shared/noise/workloads.jsonl.gz');

(existsSync(recording) ? describe : describe.skip)('recordings of ordinary work', () => {
  it('give no finding of medium or above', () => {
    const lines = gunzipSync(readFileSync(recording)).toString('utf8').trim().split('\n');
    const images = new Map<string, string>();
    const events = lines.map((line) => toEvent(JSON.parse(line) as Recorded, images));
    const fired: string[] = [];
    for (let from = 0; from < events.length; from += 400) {
      const { matches } = engine.evaluate(buildRuleBatch(events.slice(from, from + 400)));
      for (const { rule, summary } of matches)
        if (!['informational', 'low'].includes(rule.level)) fired.push(`${rule.file}: ${summary}`);
    }
    console.log(`${events.length} recorded events of ordinary work: ${fired.length} findings at medium or above`);
    expect(fired).toEqual([]);
  });
});

function toEvent(recorded: Recorded, images: Map<string, string>): TestEvent {
  const process = `${recorded.w}:${recorded.pid}`;
  if (recorded.op === 'exec') images.set(process, recorded.image ?? '');
  const kinds: Record<string, string> = {
    exec: 'exec',
    create: 'file_open',
    rename: 'file_rename',
    unlink: 'file_unlink',
    trunc: 'file_truncate',
  };
  return {
    EventKind: kinds[recorded.op] ?? 'fork',
    Image: images.get(process) ?? '',
    CommandLine: recorded.argv?.join(' ') ?? '',
    TargetFilename: recorded.path ?? '',
    SourceFilename: recorded.old ?? '',
    OpenFlags: recorded.op === 'create' ? ['create', 'truncate'] : [],
    ImageFlags: recorded.op === 'exec' && /^\/(tmp|var\/tmp|root|home)\//.test(recorded.image ?? '') ? ['new'] : [],
  };
}
