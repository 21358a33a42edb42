// What several pages ask for, by name, so that a change told by the stream refreshes exactly what it touches.
import { QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { Problem, get } from './client.ts';
import type { AlertDetail, HostList, Session, InstallationStatus } from './views.ts';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) =>
        failures < 3 && error instanceof Problem && (error.status === 0 || error.status >= 500),
    },
  },
});

export function useSession(): UseQueryResult<Session> {
  return useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => get<Session>('/session', signal),
    staleTime: 300_000,
  });
}

export function useStatus(): UseQueryResult<InstallationStatus> {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => get<InstallationStatus>('/status', signal),
    refetchInterval: 15_000,
  });
}

export function useHosts(): UseQueryResult<HostList> {
  return useQuery({
    queryKey: ['hosts'],
    queryFn: ({ signal }) => get<HostList>('/hosts', signal),
    refetchInterval: 30_000,
  });
}

/** An alert with all that its page shows. */
export const readAlert = (id: string) => ({
  queryKey: ['alert', id],
  queryFn: ({ signal }: { signal: AbortSignal }) => get<AlertDetail>(`/alerts/${id}`, signal),
});

/** Asks for an alert before its page is there. */
export function prefetchAlert(id: string): void {
  // Its page says what came of it.
  queryClient.query(readAlert(id)).catch(() => undefined);
}
