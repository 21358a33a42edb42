// The difference of two texts, with a few lines around each change.
import type { ReactElement } from 'react';
import type { DiffLine } from './diff.ts';

const looks = {
  same: ['', ' '],
  removed: ['bg-critical-wash text-critical', '−'],
  added: ['bg-good-wash text-good', '+'],
} as const;
/** Lines of context around a change. */
const CONTEXT = 3;

export function DiffText({ lines }: { lines: readonly DiffLine[] }): ReactElement {
  const changed = lines.flatMap(({ kind }, at) => (kind === 'same' ? [] : [at]));
  if (changed.length === 0) return <p className="px-4 pb-3 text-soft">Both have the same text.</p>;
  const near = new Set(changed.flatMap((at) => Array.from({ length: 2 * CONTEXT + 1 }, (_, by) => at - CONTEXT + by)));
  return (
    <pre className="overflow-x-auto border-t border-line py-2 font-mono text-xs">
      {lines.map(({ kind, text }, at) => {
        if (!near.has(at))
          return near.has(at - 1) ? (
            <div key={at} className="px-4 text-faint">
              ⋯
            </div>
          ) : null;
        const [look, sign] = looks[kind];
        return (
          <div key={at} data-kind={kind} className={`px-4 whitespace-pre ${look}`}>
            {sign} {text}
          </div>
        );
      })}
    </pre>
  );
}
