// What a key does in the process tree: it moves the selection, folds or unfolds. Pure.
import type { ProcessRow, ProcessTree, TreeRow } from './tree.ts';

export interface Moving {
  readonly rows: readonly TreeRow[];
  /** Of the selected row; -1: it is folded away. */
  readonly index: number;
  readonly tree: ProcessTree;
}

export type Move =
  | { readonly select: string }
  | { readonly toggle: string; readonly open: boolean }
  /** To what is shown of the selected process. */
  | 'details'
  /** The key is the tree's, and nothing is left to do. */
  | 'stay';

/** Undefined for a key that is not the tree's. */
export function keyMove(key: string, { rows, index, tree }: Moving): Move | undefined {
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return nearest(rows, index + 1, 1);
    case 'ArrowUp':
    case 'k':
      return nearest(rows, index - 1, -1);
    case 'Home':
      return nearest(rows, 0, 1);
    case 'End':
      return nearest(rows, rows.length - 1, -1);
  }
  const row = rows[index];
  if (row?.kind !== 'process') return undefined;
  if (key === 'ArrowRight') return inward(row, nearest(rows, index + 1, 1));
  if (key === 'ArrowLeft') return outward(row, tree);
  return key === 'Enter' || key === ' ' ? 'details' : undefined;
}

/** The first process from there on; folds and frames are passed over. */
function nearest(rows: readonly TreeRow[], from: number, step: 1 | -1): Move {
  for (let at = from; at >= 0 && at < rows.length; at += step) {
    const row = rows[at];
    if (row?.kind === 'process') return { select: row.process.processUid };
  }
  return 'stay';
}

function inward({ process, children, open }: ProcessRow, next: Move): Move {
  if (children === 0) return 'stay';
  return open ? next : { toggle: process.processUid, open: true };
}

function outward({ process, children, open }: ProcessRow, tree: ProcessTree): Move {
  if (children > 0 && open) return { toggle: process.processUid, open: false };
  return tree.process(process.parentUid) === undefined ? 'stay' : { select: process.parentUid };
}
