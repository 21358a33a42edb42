// The keys of the process tree, as ARIA has them for a tree.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { keyMove } from './key-move.ts';
import { ProcessTree } from './tree.ts';

const process = (processUid: string, parentUid: string, isQuiet = false): view.ProcessView =>
  create(view.ProcessViewSchema, { processUid, parentUid, blamed: !isQuiet });

/** root → (first → leaf), (second), and a quiet one that is folded at the end. */
const tree = new ProcessTree([
  process('root', ''),
  process('first', 'root'),
  process('leaf', 'first'),
  process('second', 'root'),
  process('quiet', 'root', true),
]);

const press = (key: string, selected: string, toggled: ReadonlyMap<string, boolean> = new Map()) => {
  const rows = tree.rows({ search: '', toggled });
  const index = rows.findIndex((row) => row.kind === 'process' && row.process.processUid === selected);
  return keyMove(key, { rows, index, tree });
};
const closed = new Map([['first', false]]);

describe('a key in the process tree', () => {
  it.each([
    ['ArrowDown', 'root', 'first'],
    ['j', 'leaf', 'second'],
    ['ArrowUp', 'second', 'leaf'],
    ['k', 'first', 'root'],
    ['Home', 'second', 'root'],
    ['End', 'root', 'second'],
    ['ArrowRight', 'first', 'leaf'],
    ['ArrowLeft', 'leaf', 'first'],
    ['ArrowDown', 'nobody', 'root'],
  ])('%s goes from %s to %s', (key, from, to) => {
    expect(press(key, from)).toEqual({ select: to });
  });

  it('passes over what is folded away', () => {
    expect(press('ArrowDown', 'first', closed)).toEqual({ select: 'second' });
  });

  it('unfolds with the right arrow and folds with the left', () => {
    expect(press('ArrowRight', 'first', closed)).toEqual({ toggle: 'first', open: true });
    expect(press('ArrowLeft', 'first')).toEqual({ toggle: 'first', open: false });
  });

  it('stays where there is nowhere to go, and does not scroll the page', () => {
    expect([press('ArrowUp', 'root'), press('ArrowDown', 'second'), press('ArrowRight', 'leaf')]).toEqual([
      'stay',
      'stay',
      'stay',
    ]);
  });

  it('goes on to the details with enter and space', () => {
    expect([press('Enter', 'leaf'), press(' ', 'leaf')]).toEqual(['details', 'details']);
  });

  it('leaves all other keys to the page', () => {
    expect([press('/', 'leaf'), press('Enter', 'nobody')]).toEqual([undefined, undefined]);
  });
});
