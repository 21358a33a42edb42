// The newest events of a hunt: virtual rows, each with the sentence of what happened and the values that matched.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactElement, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { Hunt, HuntEvent } from '../../shared/api/views.ts';
import { baseName, exact, grouped } from '../../shared/format.ts';
import { useKeys } from '../../shared/keys.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Time } from '../../shared/ui/parts.tsx';

const rowHeight = 58;
const rowHeightNarrow = 104;

export function HuntEvents({ hunt: { events, total, truncated } }: { hunt: Hunt }): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(-1);
  const narrow = matchMedia('(max-width: 1023px)').matches;
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? rowHeightNarrow : rowHeight),
    overscan: 8,
  });
  const move = (by: number): void => {
    const next = Math.min(events.length - 1, Math.max(0, current + by));
    setCurrent(next);
    virtual.scrollToIndex(next, { align: 'auto' });
  };
  useKeys({
    j: () => {
      move(1);
    },
    k: () => {
      move(-1);
    },
  });
  return (
    <>
      <div
        ref={scroller}
        role="list"
        aria-label="Events"
        data-testid="hunt-events"
        className="min-h-72 flex-1 overflow-auto"
      >
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start, size }) => {
            const event = events[index];
            return event === undefined ? null : (
              <div
                key={index}
                role="listitem"
                aria-setsize={events.length}
                aria-posinset={index + 1}
                className="absolute inset-x-0 border-b border-line"
                style={{ top: start, height: size }}
              >
                <EventRow event={event} current={index === current} />
              </div>
            );
          })}
        </div>
      </div>
      <p className="border-t border-line px-4 py-1.5 text-xs text-faint">
        {truncated
          ? `The newest ${grouped(events.length)} of ${grouped(total)}: click a bar to look closer`
          : 'All events, newest first'}
      </p>
    </>
  );
}

function EventRow({ event, current }: { event: HuntEvent; current: boolean }): ReactElement {
  return (
    <div
      data-testid="hunt-event"
      aria-current={current ? 'true' : undefined}
      className={`grid h-full grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-0.5 px-4 py-2 lg:grid-cols-[84px_190px_220px_minmax(0,1fr)] ${current ? 'bg-accent-wash shadow-[inset_2px_0_0_var(--accent)]' : 'hover:bg-raised'}`}
    >
      <Time value={event.time} className="order-2 text-soft lg:order-none" />
      <Actor event={event} />
      <Place event={event} />
      <span className="order-4 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <span className="block truncate" title={event.summary}>
          {event.summary}
        </span>
        <Matched event={event} />
      </span>
    </div>
  );
}

function Actor({ event }: { event: HuntEvent }): ReactElement {
  return (
    <span className="order-1 min-w-0 lg:order-none">
      <span className="block truncate font-semibold" title={`${event.image}\n${event.commandLine}`}>
        {baseName(event.image) || 'unknown'} <span className="font-normal text-faint">{event.pid}</span>
      </span>
      <span className="block truncate text-xs text-faint" title={exact(event.time)}>
        {event.kind} {event.userName === '' ? '' : `as ${event.userName}`}
      </span>
    </span>
  );
}

function Place({ event }: { event: HuntEvent }): ReactElement {
  const inside = event.containerId !== '';
  return (
    <span className="order-3 flex min-w-0 items-center gap-2 lg:order-none">
      <Icon name={inside ? 'container' : 'host'} size={14} className={inside ? 'text-low' : 'text-faint'} />
      <span className="min-w-0">
        {inside ? (
          <span className="block truncate" title={`${event.containerId} · ${event.containerImage}`}>
            <span className="font-mono text-xs">{event.containerId.slice(0, 12)}</span> {event.containerName}
          </span>
        ) : null}
        <Link to={`/hosts/${event.hostId}`} className="block truncate hover:text-accent hover:underline">
          {event.hostName}
        </Link>
      </span>
    </span>
  );
}

/** What matched, and what the process was started with unless that is it. */
function Matched({ event: { matched, commandLine } }: { event: HuntEvent }): ReactElement {
  const isShown = commandLine === '' || matched.some(({ value }) => value === commandLine);
  const shown = isShown ? matched : [...matched, { field: 'started as', value: commandLine }];
  const text = shown.map(({ field, value }) => `${field}: ${value}`).join('\n');
  return (
    <span className="block truncate font-mono text-xs text-soft" title={text}>
      {shown.map(({ field, value }, at) => (
        <span key={at} className="mr-3">
          <span className="text-faint">{field}</span> {value}
        </span>
      ))}
    </span>
  );
}
