// When the events happened, as bars; a bar leads into its stretch of time.
import type { ReactElement } from 'react';
import type { Hunt } from '../../shared/api/views.ts';
import { exact, grouped } from '../../shared/format.ts';

const height = 64;
const step = 8;

interface Props {
  buckets: Hunt['histogram'];
  seconds: number;
  onNarrow: (since: string, until: string) => void;
}

export function Histogram({ buckets, seconds, onNarrow }: Props): ReactElement {
  const top = Math.max(1, ...buckets.map(({ events }) => events));
  const first = buckets[0]?.time ?? '';
  const last = buckets.at(-1)?.time ?? '';
  return (
    <div className="border-b border-line px-4 py-2">
      <svg
        role="group"
        aria-label={`Events over time; at most ${grouped(top)} in ${span(seconds)}`}
        data-testid="hunt-histogram"
        viewBox={`0 0 ${buckets.length * step} ${height}`}
        preserveAspectRatio="none"
        className="h-16 w-full"
      >
        {buckets.map((bucket, at) => (
          <Bar key={bucket.time} bucket={bucket} at={at} top={top} seconds={seconds} onNarrow={onNarrow} />
        ))}
      </svg>
      <div className="flex justify-between text-xs text-faint">
        <span title={exact(first)}>{day(first)}</span>
        <span>
          at most {grouped(top)} in {span(seconds)}
        </span>
        <span title={exact(last)}>{day(last)}</span>
      </div>
    </div>
  );
}

interface BarProps extends Pick<Props, 'seconds' | 'onNarrow'> {
  bucket: Hunt['histogram'][number];
  at: number;
  top: number;
}

function Bar({ bucket: { time, events }, at, top, seconds, onNarrow }: BarProps): ReactElement {
  const tall = events === 0 ? 1 : Math.max(3, (events / top) * height);
  const label = `${exact(time)}: ${grouped(events)}`;
  const bar = (
    <rect
      x={at * step}
      y={height - tall}
      width={step - 2}
      height={tall}
      rx="1"
      className={events === 0 ? 'fill-line-strong' : 'fill-accent'}
    />
  );
  if (events === 0)
    return (
      <g>
        <title>{label}</title>
        {bar}
      </g>
    );
  const open = (): void => {
    onNarrow(time, new Date(Date.parse(time) + seconds * 1000).toISOString());
  };
  return (
    <g
      role="button"
      tabIndex={0}
      aria-label={`${label}. Look closer`}
      className="cursor-pointer hover:opacity-75"
      onClick={open}
      onKeyDown={({ key }) => {
        if (key === 'Enter' || key === ' ') open();
      }}
    >
      <title>{label}</title>
      <rect x={at * step} y="0" width={step} height={height} className="fill-transparent" />
      {bar}
    </g>
  );
}

function span(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function day(time: string): string {
  if (time === '') return '';
  return new Date(time).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}
