import { parseAction } from './action.ts';

const head = {
  what: 'Writes a job file without a job.',
  rule: 'cron_persistence',
  technique: 'T1053.003',
  severity: 'medium',
  where: 'both',
};
const body = ['f=/etc/cron.d/x', `trap 'rm -f "$f"' EXIT`, ': > "$f"'];

function script(changes: Record<string, string> = {}, lines: readonly string[] = body): string {
  const said = Object.entries({ ...head, ...changes }).filter(([, value]) => value !== '');
  return ['#!/bin/sh', ...said.map(([key, value]) => `# ${key}: ${value}`), ...lines, ''].join('\n');
}

const file = 'cron_persistence-cron-d.sh';

describe('the head of an action', () => {
  it('says what is done, which finding comes of it, and where', () => {
    expect(parseAction(file, script({ needs: 'unshare ip' }))).toEqual({
      ...head,
      file,
      name: 'cron_persistence-cron-d',
      needs: ['unshare', 'ip'],
      body,
    });
  });

  it('names no tool when it needs none', () => {
    expect(parseAction(file, script()).needs).toEqual([]);
  });

  it.each([
    ['a sentence that does not end', { what: 'Writes a job file' }, `${file}:2: what "Writes a job file"`],
    ['a path for a rule', { rule: 'pack/cron.yml' }, `${file}:3: rule "pack/cron.yml"`],
    ['a technique in words', { technique: 'Cron' }, `${file}:4: technique "Cron" is not usable: write it T1105`],
    ['an unknown severity', { severity: 'bad' }, `${file}:5: severity "bad" is not usable: take one of informational`],
    ['an unknown place', { where: 'pod' }, `${file}:6: where "pod" is not usable: take one of host, container, both`],
    ['tools with commas', { needs: 'unshare, ip' }, `${file}:7: needs "unshare, ip"`],
    ['a key that there is not', { author: 'me' }, `${file}:7: "# author: me" is none of the head's lines`],
    ['no technique', { technique: '' }, `${file}:1: the head has no technique`],
    ['another rule than the file is named after', { rule: 'log_deleted' }, `name the file log_deleted-<variant>.sh`],
  ])('is refused with file, line and cure: %s', (_, changes, complaint) => {
    expect(() => parseAction(file, script(changes))).toThrow(complaint);
  });

  it('is refused when it says a thing twice, and when it has remarks', () => {
    const twice = script().replace('# where: both', '# where: both\n# where: host');
    expect(() => parseAction(file, twice)).toThrow(`${file}:7: where is there twice`);
    expect(() => parseAction(file, script().replace('#!/bin/sh', '#!/bin/sh\n# hello'))).toThrow(
      `${file}:2: "# hello"`,
    );
  });
});

describe('the body of an action', () => {
  it.each([2, 16])('has three to fifteen lines, not %d', (count) => {
    const lines = Array.from({ length: count }, () => ':');
    expect(() => parseAction(file, script({}, lines))).toThrow(
      `${file}: ${String(count)} lines do something: take 3 to 15`,
    );
  });

  it('is what does something: remarks and empty lines are not counted', () => {
    expect(parseAction(file, script({}, ['', '# why', ...body])).body).toEqual(body);
  });
});
