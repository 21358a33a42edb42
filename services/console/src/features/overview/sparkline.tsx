// Sixty minutes as bars, readable also by those who can't see them.
import type { ReactElement } from 'react';
import { grouped } from '../../shared/format.ts';

const height = 56;

export function Sparkline({ values, label }: { values: readonly number[]; label: string }): ReactElement {
  const top = Math.max(1, ...values);
  const width = values.length * 6;
  return (
    <svg
      role="img"
      aria-label={`${label}; at most ${grouped(top)}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      className="h-14 w-full"
    >
      {values.map((value, index) => {
        const bar = value === 0 ? 1 : Math.max(2, (value / top) * height);
        const ago = values.length - 1 - index;
        return (
          <rect
            key={index}
            x={index * 6}
            y={height - bar}
            width="4"
            height={bar}
            rx="1"
            className={value === 0 ? 'fill-line-strong' : 'fill-accent'}
          >
            <title>{`${ago === 0 ? 'this minute' : `${ago} min ago`}: ${grouped(value)}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}
