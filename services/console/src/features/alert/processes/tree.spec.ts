// The tree of an alert's processes, drawn as text: what is folded, what is framed, what a search leaves.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { ProcessTree, type TreeRow, type TreeState } from './tree.ts';

const process = (
  processUid: string,
  parentUid: string,
  more: Partial<Omit<view.ProcessView, '$typeName'>> = {},
): view.ProcessView => create(view.ProcessViewSchema, { processUid, parentUid, ...more });

/** What a person sees: `-` open, `+` closed, a fold in parentheses, the head of a container's frame in brackets. */
const shown = (row: TreeRow): string => {
  if (row.kind === 'frame') return `[${row.frame.name}]`;
  if (row.kind !== 'process') return `(${row.kind} ${row.processes.length})`;
  const sign = row.children === 0 ? '' : row.open ? '-' : '+';
  return `${sign}${row.process.processUid}${row.hit ? '!' : ''}`;
};

const drawn = (tree: ProcessTree, { search = '', toggled = new Map<string, boolean>() }: Partial<TreeState> = {}) =>
  tree.rows({ search, toggled }).map((row) => `${'  '.repeat(row.depth)}${shown(row)}`);

const web = { containerId: 'c1', containerName: 'web-1', containerImage: 'shop/web:1.4' };

/** init → shim → (web-1: server → (shell, with a finding → tool), quiet). */
const attack = [
  process('init', '', { ancestor: true }),
  process('shim', 'init', { ancestor: true }),
  process('server', 'shim', { origin: true, ...web }),
  process('quiet', 'server', web),
  process('shell', 'server', { blamed: true, findingIds: ['f1'], techniques: ['T1105'], ...web }),
  process('tool', 'shell', { blamed: true, pid: 4121, ...web }),
];

describe('the process tree', () => {
  const tree = new ProcessTree(attack);

  it('begins at the origin, ancestors folded above and quiet siblings below', () => {
    expect(drawn(tree)).toEqual(['(ancestors 2)', '[web-1]', '-server', '  -shell', '    tool', '  (quiet 1)']);
  });

  it('shows ancestors once somebody opens them, and the container where it begins', () => {
    expect(drawn(tree, { toggled: new Map([['ancestors', true]]) })).toEqual([
      '(ancestors 2)',
      '-init',
      '  -shim',
      '    [web-1]',
      '    -server',
      '      -shell',
      '        tool',
      '      (quiet 1)',
    ]);
  });

  it('puts quiet siblings in their place once somebody opens them', () => {
    expect(drawn(tree, { toggled: new Map([['quiet server', true]]) })).toEqual([
      '(ancestors 2)',
      '[web-1]',
      '-server',
      '  quiet',
      '  -shell',
      '    tool',
      '  (quiet 1)',
    ]);
  });

  it('closes what somebody closed', () => {
    expect(drawn(tree, { toggled: new Map([['shell', false]]) })).toContain('  +shell');
    expect(drawn(tree, { toggled: new Map([['shell', false]]) }).join('\n')).not.toContain('tool');
  });

  it('leaves of a search what it names and what stands above that', () => {
    expect(drawn(tree, { search: '4121' })).toEqual([
      '-init',
      '  -shim',
      '    [web-1]',
      '    -server',
      '      -shell',
      '        tool!',
    ]);
    expect(drawn(tree, { search: 'nobody' })).toEqual([]);
  });

  it('ends a frame with its last row, and a line with the last of its siblings', () => {
    const rows = tree.rows({ search: '', toggled: new Map() });
    expect(rows.filter(({ frameEnds }) => frameEnds).map(shown)).toEqual(['(quiet 1)']);
    expect(rows.filter(({ last }) => last).map(shown)).toEqual(['(ancestors 2)', '-server', 'tool', '(quiet 1)']);
  });

  it('frames each container by itself, and one that another started within its rows', () => {
    const inside = (containerId: string, containerName: string) => ({ blamed: true, containerId, containerName });
    const two = new ProcessTree([
      process('host', '', { origin: true }),
      process('one', 'host', inside('c1', 'web-1')),
      process('started', 'one', inside('c2', 'job-1')),
      process('two', 'host', inside('c3', 'web-2')),
    ]);
    expect(drawn(two)).toEqual(['-host', '  [web-1]', '  -one', '    [job-1]', '    started', '  [web-2]', '  two']);
    const ends = two.rows({ search: '', toggled: new Map() }).filter(({ frameEnds }) => frameEnds);
    expect(ends.map(shown)).toEqual(['-one', 'started', 'two']);
  });

  it('starts a large tree with the subtrees closed that hold no finding', () => {
    const many = Array.from({ length: 160 }, (_, number) => process(`leaf${number}`, 'blamed', { blamed: true }));
    const large = new ProcessTree([
      process('start', '', { origin: true }),
      process('blamed', 'start', { blamed: true }),
      process('found', 'start', { findingIds: ['f1'] }),
      process('child', 'found', { blamed: true }),
      ...many,
    ]);
    expect(drawn(large)).toEqual(['-start', '  +blamed', '  -found', '    child']);
  });

  it('takes a process that is its own parent for a root', () => {
    expect(drawn(new ProcessTree([process('self', 'self', { blamed: true })]))).toEqual(['self']);
  });

  it('names what stands above a process, nearest first', () => {
    expect(tree.above('tool').map(({ processUid }) => processUid)).toEqual(['shell', 'server', 'shim', 'init']);
  });
});
