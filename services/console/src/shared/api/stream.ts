// The stream of changes: one connection for the whole console. It says what changed; the queries it touches ask again.
import { useSyncExternalStore } from 'react';
import { queryClient } from './queries.ts';

export type Connection = 'connecting' | 'live' | 'away';

let state: Connection = 'connecting';
let since = Date.now();
const watchers = new Set<() => void>();
const waiting = new Map<string, readonly unknown[]>();
let timer: number | undefined;
/** Changes within it become one refresh. */
const gatherMs = 250;

function become(next: Connection): void {
  if (state === next) return;
  state = next;
  since = Date.now();
  for (const watcher of watchers) watcher();
}

function refresh(...keys: readonly (readonly unknown[])[]): void {
  for (const key of keys) waiting.set(JSON.stringify(key), key);
  timer ??= window.setTimeout(() => {
    timer = undefined;
    for (const queryKey of waiting.values()) void queryClient.invalidateQueries({ queryKey });
    waiting.clear();
  }, gatherMs);
}

/** Opens the stream; the returned function closes it. The browser connects again by itself. */
export function followChanges(): () => void {
  const source = new EventSource('/api/v1/stream');
  let wasAway = false;
  source.onopen = () => {
    become('live');
    if (wasAway) void queryClient.invalidateQueries();
    wasAway = false;
  };
  source.onerror = () => {
    wasAway = true;
    become('away');
  };
  source.addEventListener('alert', ({ data }: MessageEvent<string>) => {
    refresh(['alert', idOf(data)], ['alerts', 'fresh'], ['status']);
  });
  source.addEventListener('command', () => {
    refresh(['commands'], ['alert']);
  });
  source.addEventListener('host', () => {
    refresh(['hosts'], ['containers'], ['status']);
  });
  source.addEventListener('missed', () => void queryClient.invalidateQueries());
  return () => {
    source.close();
  };
}

function idOf(data: string): string {
  return (JSON.parse(data) as { id: string }).id;
}

export function useConnection(): { state: Connection; since: number } {
  const current = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => state,
  );
  return { state: current, since };
}
