// The list of alerts: virtual, filtered by its address, live without a jump, worked by keys.
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactElement, useEffect, useEffectEvent, useMemo, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useAddress } from '../../shared/address.ts';
import { get } from '../../shared/api/client.ts';
import { queryClient } from '../../shared/api/queries.ts';
import type { Alert, AlertList } from '../../shared/api/views.ts';
import { useKeys } from '../../shared/keys.ts';
import { AlertRow } from '../../shared/ui/alert-row.tsx';
import { Icon } from '../../shared/ui/icon.tsx';
import { Button, PageTitle, Panel } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { AlertFilters, filterNames } from './alert-filters.tsx';

const pageSize = 100;
const rowHeight = 58;
const rowHeightNarrow = 104;

/** The filters of the address as the API takes them. */
function useFilters(): string {
  const [read] = useAddress();
  const pairs = filterNames.map((name) => [name, read(name)] as const).filter(([, value]) => value !== '');
  return new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();
}

interface List {
  readonly alerts: readonly Alert[];
  /** Alerts that arrived since the list was read. */
  readonly waiting: number;
  readonly takeThem: () => void;
  readonly more: () => void;
  readonly state: 'loading' | 'failed' | 'ready';
  readonly error: unknown;
  readonly again: () => void;
}

/** What was read stays where it is; newer versions replace rows, and what is new waits. */
function useAlertList(filters: string): List {
  const pages = useInfiniteQuery({
    queryKey: ['alerts', 'list', filters],
    queryFn: ({ pageParam, signal }) =>
      get<AlertList>(`/alerts?${filters}&limit=${pageSize}${pageParam === '' ? '' : `&cursor=${pageParam}`}`, signal),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor || undefined,
    staleTime: Infinity,
    gcTime: 0,
  });
  const fresh = useQuery({
    queryKey: ['alerts', 'fresh', filters],
    queryFn: ({ signal }) => get<AlertList>(`/alerts?${filters}&limit=${pageSize}`, signal),
    enabled: pages.isSuccess,
    staleTime: 0,
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });
  const alerts = useMemo(() => {
    const newest = new Map(fresh.data?.alerts.map((alert) => [alert.id, alert]));
    return (pages.data?.pages ?? []).flatMap((page) => page.alerts).map((alert) => newest.get(alert.id) ?? alert);
  }, [pages.data, fresh.data]);
  const known = new Set(alerts.map(({ id }) => id));
  const isNewer = (alert: Alert): boolean => alerts[0] === undefined || alert.createdAt >= alerts[0].createdAt;
  const waiting = (fresh.data?.alerts ?? []).filter((alert) => !known.has(alert.id) && isNewer(alert)).length;
  return {
    alerts,
    waiting: pages.isSuccess ? waiting : 0,
    takeThem: () => void queryClient.resetQueries({ queryKey: ['alerts', 'list', filters] }),
    more: () => {
      if (pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage();
    },
    state: pages.isError ? 'failed' : pages.isSuccess ? 'ready' : 'loading',
    error: pages.error,
    again: () => void pages.refetch(),
  };
}

export function AlertsPage(): ReactElement {
  const filters = useFilters();
  const list = useAlertList(filters);
  const search = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => search.current?.focus() });
  return (
    <div className="flex h-[calc(100dvh-140px)] flex-col gap-3 md:h-[calc(100dvh-44px)]">
      <PageTitle>Alerts</PageTitle>
      <AlertFilters search={search} />
      <Panel className="relative flex min-h-0 flex-1 flex-col">
        {list.waiting > 0 ? (
          <div className="absolute inset-x-0 top-2 z-20 flex justify-center">
            <button
              type="button"
              data-testid="new-alerts"
              onClick={list.takeThem}
              className="arriving flex h-8 items-center gap-1.5 rounded-full bg-accent px-3.5 font-medium text-panel shadow-(--shadow)"
            >
              <Icon name="up" size={13} /> {list.waiting} new
            </button>
          </div>
        ) : null}
        {list.state === 'loading' ? (
          <Loading lines={12} what="Loading alerts" />
        ) : list.state === 'failed' ? (
          <Failed error={list.error} again={list.again} />
        ) : list.alerts.length === 0 ? (
          <Nothing filtered={filters !== ''} />
        ) : (
          <Rows list={list} />
        )}
      </Panel>
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }): ReactElement {
  const navigate = useNavigate();
  if (filtered) {
    return (
      <Notice
        icon="search"
        title="No alert fits these filters"
        action={<Button onClick={() => void navigate('/alerts')}>Remove the filters</Button>}
      >
        Alerts of other states or hosts may be there.
      </Notice>
    );
  }
  return (
    <Notice icon="shield" tone="text-good" title="No alert so far">
      Norn watches. To see one on purpose: <code className="font-mono">./norn attack ransomware --container</code>
    </Notice>
  );
}

function Rows({ list }: { list: List }): ReactElement {
  const { alerts, more } = list;
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const [current, setCurrent] = useState(-1);
  const narrow = matchMedia('(max-width: 1023px)').matches;
  const virtual = useVirtualizer({
    count: alerts.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? rowHeightNarrow : rowHeight),
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const readOn = useEffectEvent(more);
  useEffect(() => {
    if (last >= alerts.length - 20) readOn();
  }, [last, alerts.length]);
  const move = (step: number): void => {
    const next = Math.min(alerts.length - 1, Math.max(0, current + step));
    setCurrent(next);
    virtual.scrollToIndex(next, { align: 'auto' });
  };
  const open = (): void => {
    const alert = alerts[current];
    if (alert !== undefined) void navigate(`/alerts/${alert.id}`);
  };
  useKeys({
    j: () => {
      move(1);
    },
    k: () => {
      move(-1);
    },
    ...(current >= 0 ? { Enter: open } : {}),
  });
  return (
    <div ref={scroller} role="list" aria-label="Alerts" data-testid="alerts" className="min-h-0 flex-1 overflow-auto">
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map(({ index, start, size }) => {
          const alert = alerts[index];
          return alert === undefined ? null : (
            <div
              key={alert.id}
              role="listitem"
              aria-setsize={alerts.length}
              aria-posinset={index + 1}
              className="absolute inset-x-0 border-b border-line"
              style={{ top: start, height: size }}
            >
              <AlertRow alert={alert} current={index === current} />
            </div>
          );
        })}
      </div>
    </div>
  );
}
