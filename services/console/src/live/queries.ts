// What the pages ask for, by name, so that a change told by the stream refreshes exactly what it touches.
import { QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { Problem, get } from './client.ts';
import type { AlertDetail, CommandList, ContainerList, Host, HostList, Session, Status } from './views.ts';

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

/** An alert may be known before its processes are stored: so long its page asks again. */
const youngMs = 30_000;
const youngIntervalMs = 1_500;
const unfinished = new Set(['requested', 'dispatched', 'delivered', 'running']);

const readAlert = (id: string) => ({
  queryKey: ['alert', id],
  queryFn: ({ signal }: { signal: AbortSignal }) => get<AlertDetail>(`/alerts/${id}`, signal),
});

/** Asks for an alert before its page is there. */
export function prefetchAlert(id: string): void {
  void queryClient.prefetchQuery(readAlert(id));
}

export function useAlert(id: string): UseQueryResult<AlertDetail> {
  return useQuery({
    ...readAlert(id),
    refetchInterval: ({ state: { data } }) => (data !== undefined && isMoving(data) ? youngIntervalMs : false),
  });
}

function isMoving({ alert, commands, telemetryUnavailable }: AlertDetail): boolean {
  if (telemetryUnavailable || commands.some(({ state }) => unfinished.has(state))) return true;
  return alert !== undefined && Date.now() - Date.parse(alert.updatedAt) < youngMs;
}

export function useSession(): UseQueryResult<Session> {
  return useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => get<Session>('/session', signal),
    staleTime: 300_000,
  });
}

export function useStatus(): UseQueryResult<Status> {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => get<Status>('/status', signal),
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

export function useHost(id: string): UseQueryResult<Host> {
  return useQuery({
    queryKey: ['hosts', id],
    queryFn: ({ signal }) => get<Host>(`/hosts/${id}`, signal),
    enabled: id !== '',
  });
}

export function useContainers(): UseQueryResult<ContainerList> {
  return useQuery({
    queryKey: ['containers'],
    queryFn: ({ signal }) => get<ContainerList>('/containers', signal),
    refetchInterval: 30_000,
  });
}

export function useCommands(): UseQueryResult<CommandList> {
  return useQuery({ queryKey: ['commands'], queryFn: ({ signal }) => get<CommandList>('/commands?limit=200', signal) });
}
