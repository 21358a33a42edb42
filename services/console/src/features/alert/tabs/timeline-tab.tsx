// The attack and the answer to it, in order of time.
import { type ReactElement, useState } from 'react';
import type { TimelineEntry } from '../../../shared/api/views.ts';
import { clock, exact, offset } from '../../../shared/format.ts';
import { Icon, type IconName } from '../../../shared/ui/icon.tsx';
import { Notice } from '../../../shared/ui/states.tsx';

const icons: Readonly<Record<string, IconName>> = {
  process: 'process',
  file: 'file',
  network: 'network',
  finding: 'high',
  response: 'stop',
  command: 'response',
};
const kinds = ['process', 'file', 'network', 'finding', 'response', 'command'] as const;

export function TimelineTab({
  entries,
  onProcess,
}: {
  entries: readonly TimelineEntry[];
  onProcess: (uid: string) => void;
}): ReactElement {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  if (entries.length === 0)
    return (
      <Notice icon="clock" title="Nothing is stored of it yet">
        This page asks again by itself.
      </Notice>
    );
  const toggle = (kind: string): void => {
    setHidden((current) => {
      const next = new Set(current);
      if (!next.delete(kind)) next.add(kind);
      return next;
    });
  };
  return (
    <div data-testid="timeline">
      <div className="flex flex-wrap gap-2 border-b border-line px-3 py-2">
        {kinds
          .filter((kind) => entries.some((entry) => entry.kind === kind))
          .map((kind) => (
            <button
              key={kind}
              type="button"
              aria-pressed={!hidden.has(kind)}
              onClick={() => {
                toggle(kind);
              }}
              className={`flex h-7 items-center gap-1.5 rounded-full border border-line px-2.5 hover:border-line-strong ${hidden.has(kind) ? 'text-faint line-through' : ''}`}
            >
              <Icon name={icons[kind] ?? 'clock'} size={13} />
              {kind}
            </button>
          ))}
      </div>
      <ol className="max-h-[460px] overflow-auto py-2" tabIndex={0} aria-label="Timeline">
        {entries
          .filter(({ kind }) => !hidden.has(kind))
          .map((entry, index) => (
            <Entry key={`${entry.time} ${index}`} entry={entry} onProcess={onProcess} />
          ))}
      </ol>
    </div>
  );
}

function Entry({ entry, onProcess }: { entry: TimelineEntry; onProcess: (uid: string) => void }): ReactElement {
  const tone = entry.tone === 'bad' ? 'text-critical' : entry.tone === 'good' ? 'text-good' : 'text-soft';
  const text = (
    <span className={`min-w-0 wrap-anywhere ${entry.tone === '' ? '' : 'font-medium'}`}>
      {entry.tone === '' ? null : <span className="sr-only">{entry.tone === 'bad' ? 'Attack: ' : 'Answer: '}</span>}
      {entry.text}
    </span>
  );
  return (
    <li
      data-testid="timeline-entry"
      className="grid grid-cols-[64px_24px_1fr] items-start gap-2 px-3 md:grid-cols-[96px_72px_24px_1fr]"
    >
      <time className="hidden font-mono text-xs leading-6 text-faint md:block" title={exact(entry.time)}>
        {clock(entry.time)}
      </time>
      <span className="text-right font-mono text-xs leading-6 text-soft" title={exact(entry.time)}>
        {offset(entry.offsetUs)}
      </span>
      <span
        aria-hidden="true"
        className="relative h-full min-h-8 before:absolute before:inset-y-0 before:left-[11.5px] before:w-px before:bg-line"
      >
        <span className={`relative grid size-6 place-items-center rounded-full border border-line bg-panel ${tone}`}>
          <Icon name={icons[entry.kind] ?? 'clock'} size={12} />
        </span>
      </span>
      {entry.processUid === '' ? (
        <span className="pt-0.5">{text}</span>
      ) : (
        <button
          type="button"
          onClick={() => {
            onProcess(entry.processUid);
          }}
          className="pt-0.5 text-left hover:text-accent"
          title="Show the process"
        >
          {text}
        </button>
      )}
    </li>
  );
}
