// Every rule of the pack against its own events, and the pack against recordings of ordinary work.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  attackTactics,
  attackTechniqueName,
  attackTechniques,
  buildRuleBatch,
  parseRule,
  readRules,
  RuleEngine,
  tacticsOf,
  type Rule,
  type TestEvent,
} from './index.ts';

const folder = join(import.meta.dirname, '../pack');
const rules = readdirSync(folder)
  .filter((file) => file.endsWith('.yml'))
  .map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8')));
const engine = new RuleEngine(rules);
const sequences = join(folder, 'sequences');
const { correlations } = readRules(
  readdirSync(sequences).map((name) => ({ name, text: readFileSync(join(sequences, name), 'utf8') })),
);

function firing(event: TestEvent): string[] {
  return engine.evaluate(buildRuleBatch([event])).matches.map((match) => match.rule.file);
}

describe('the pack', () => {
  it('holds at least sixty rules, each with an id and a title of its own', () => {
    expect(rules.length).toBeGreaterThanOrEqual(60);
    expect(new Set(rules.map((rule) => rule.id)).size).toBe(rules.length);
    expect(new Set(rules.map((rule) => rule.title)).size).toBe(rules.length);
  });

  it('speaks of techniques and tactics that the pinned ATT&CK version has', () => {
    for (const { file, techniques, tags } of rules) {
      expect([file, techniques.filter((id) => attackTechniqueName(id) === undefined)]).toEqual([file, []]);
      expect([file, tacticsOf(tags).filter((tactic) => !(tactic in attackTactics))]).toEqual([file, []]);
      expect([file, tacticsOf(tags).length]).not.toEqual([file, 0]);
    }
    for (const { file, techniques } of correlations)
      expect([file, techniques.filter((id) => attackTechniqueName(id) === undefined)]).toEqual([file, []]);
  });

  it('names every technique it lists', () => {
    const named = new Set(
      [...rules, ...correlations].flatMap(({ techniques }) => techniques.flatMap((id) => [id, id.split('.')[0]])),
    );
    expect(Object.keys(attackTechniques).filter((id) => !named.has(id))).toEqual([]);
    expect(attackTechniqueName('T1059.004')).toBe('Command and Scripting Interpreter: Unix Shell');
    expect(attackTechniqueName('T1611')).toBe('Escape to Host');
    expect(attackTechniqueName('T9999')).toBeUndefined();
  });

  it.each(rules.map((rule) => [rule.file, rule] as const))(
    '%s fires on its attacks and on nothing else',
    (file, rule: Rule) => {
      expect(rule.id).toMatch(/^[0-9a-f-]{36}$/);
      expect(rule.description.length).toBeGreaterThan(40);
      expect(rule.summary ?? '').not.toBe('');
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
    const recorded = lines.map((line) => JSON.parse(line) as Recorded);
    const events = asEvents(recorded);
    const fired: string[] = [];
    const counts = new Map<string, Record<string, number>>();
    for (let from = 0; from < events.length; from += 400) {
      const { matches } = engine.evaluate(buildRuleBatch(events.slice(from, from + 400)));
      for (const { rule, row, summary } of matches) {
        count(counts, recorded[from + row]?.w ?? '', rule);
        if (!['informational', 'low'].includes(rule.level)) fired.push(`${rule.file}: ${summary}`);
      }
    }
    console.log(`${events.length} recorded events of ordinary work, findings by workload:\n${table(recorded, counts)}`);
    expect(fired).toEqual([]);
  });
});

function count(counts: Map<string, Record<string, number>>, workload: string, { level, file }: Rule): void {
  const of = counts.get(workload) ?? {};
  const cell = `${level} ${file}`;
  of[cell] = (of[cell] ?? 0) + 1;
  counts.set(workload, of);
}

function table(recorded: readonly Recorded[], counts: ReadonlyMap<string, Record<string, number>>): string {
  return [...new Set(recorded.map(({ w }) => w))]
    .map((workload) => {
      const cells = Object.entries(counts.get(workload) ?? {}).map(([cell, found]) => `${cell} ${found}`);
      return `${workload.padEnd(18)} ${cells.join(', ') || '-'}`;
    })
    .join('\n');
}

const kinds: Readonly<Record<string, string>> = {
  exec: 'exec',
  create: 'file_open',
  rename: 'file_rename',
  unlink: 'file_unlink',
  trunc: 'file_truncate',
};

/**
 * What a process does later, it does as the image and with the command line of its last exec. The recording has no parents: what follows a
 * maintainer's script in its workload counts as started by one, which the agent proves.
 */
function asEvents(recorded: readonly Recorded[]): TestEvent[] {
  const started = new Map<string, Recorded>();
  const roots = new Map<string, string>();
  const installing = new Set<string>();
  return recorded.map((each) => {
    const process = `${each.w}:${each.pid}`;
    if (each.op === 'exec') started.set(process, each);
    // A workload is what one command started.
    if (each.op === 'exec' && !roots.has(each.w)) roots.set(each.w, each.image ?? '');
    if (each.op === 'exec' && each.image?.startsWith('/var/lib/dpkg/info/')) installing.add(each.w);
    return toEvent(each, started.get(process) ?? {}, {
      root: roots.get(each.w) ?? '',
      installs: installing.has(each.w),
    });
  });
}

function toEvent(
  recorded: Recorded,
  { image = '', argv = [] }: Partial<Recorded>,
  { root, installs }: { root: string; installs: boolean },
): TestEvent {
  const isNew = recorded.op === 'exec' && /^\/(tmp|var\/tmp|root|home)\//.test(image);
  return {
    EventKind: kinds[recorded.op] ?? 'fork',
    Image: image,
    CommandLine: argv.join(' '),
    AncestorImages: root === image ? [] : [root],
    TargetFilename: recorded.path ?? '',
    SourceFilename: recorded.old ?? '',
    OpenFlags: recorded.op === 'create' ? ['create', 'truncate'] : [],
    ImageFlags: [...(isNew ? ['new'] : []), ...(installs ? ['installation'] : [])],
  };
}
