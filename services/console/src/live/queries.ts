// What the pages ask for, by name, so that a change told by the stream refreshes exactly what it touches.
import { QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { Problem, get, post, steps } from './client.ts';
import type {
  AlertDetail,
  CommandList,
  ContainerList,
  ExceptionList,
  ExceptionPreview,
  ExceptionProposal,
  FileList,
  Host,
  HostList,
  Hunt,
  HuntProgress,
  HuntStep,
  HuntRuleList,
  Policy,
  PolicyHistory,
  RuleList,
  Session,
  Status,
} from './views.ts';

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

/** What can't be read is not asked for again by itself: it would be as heavy the next time. A person may. */
function isMoving({ alert, commands, telemetryPending }: AlertDetail): boolean {
  if (telemetryPending || commands.some(({ state }) => unfinished.has(state))) return true;
  return alert !== undefined && Date.now() - Date.parse(alert.updatedAt) < youngMs;
}

/** The next page of an alert's files, put behind those that are there. */
export async function readMoreFiles(id: string, offset: number): Promise<void> {
  const more = await get<FileList>(`/alerts/${id}/files?offset=${offset}`);
  queryClient.setQueryData<AlertDetail>(['alert', id], (detail) =>
    detail === undefined
      ? undefined
      : { ...detail, files: [...detail.files, ...more.files], filesTruncated: more.nextOffset > 0 },
  );
}

/** What of stored events could not be read is tried once more. */
export async function readAgain(id: string): Promise<void> {
  queryClient.setQueryData(['alert', id], await get<AlertDetail>(`/alerts/${id}?again=true`));
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

export function useRules(): UseQueryResult<RuleList> {
  return useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => get<RuleList>('/rules', signal) });
}

export function useHuntRules(): UseQueryResult<HuntRuleList> {
  return useQuery({
    queryKey: ['hunts', 'rules'],
    queryFn: ({ signal }) => get<HuntRuleList>('/hunts/rules', signal),
    staleTime: Infinity,
  });
}

/** What the API is asked; `run` counts, so that the same question may be asked again. */
export interface HuntRequest {
  readonly rule?: string;
  readonly text?: string;
  readonly since: string;
  readonly until: string;
  readonly run: number;
}

/** Events a page holds; all are counted. */
const huntEventsMax = 1_000;

/** Asks nothing while there is no request; tells how far it is. */
export function useHunt(
  request: HuntRequest | undefined,
  onProgress: (progress: HuntProgress) => void,
): UseQueryResult<Hunt> {
  return useQuery({
    queryKey: ['hunts', request],
    queryFn: async ({ signal }) => {
      const { run: _, ...body } = request ?? { since: '', until: '', run: 0 };
      for await (const step of steps<HuntStep>('/hunts/steps', { ...body, limit: huntEventsMax }, signal)) {
        if (step.problem) throw new Problem(step.problem.status, step.problem.code, step.problem.message);
        if (step.found) return step.found;
        if (step.progress) onProgress(step.progress);
      }
      throw new Problem(0, 'unreachable', 'The API went away before the hunt was done.');
    },
    enabled: request !== undefined,
    staleTime: Infinity,
    retry: false,
  });
}

export function usePolicy(): UseQueryResult<Policy> {
  return useQuery({ queryKey: ['policy'], queryFn: ({ signal }) => get<Policy>('/policy', signal) });
}

export function usePolicyHistory(): UseQueryResult<PolicyHistory> {
  return useQuery({
    queryKey: ['policy', 'history'],
    queryFn: ({ signal }) => get<PolicyHistory>('/policy/history', signal),
  });
}

/** A version never changes. Asks nothing for 0, which is none. */
export function usePolicyVersion(number: number): UseQueryResult<Policy> {
  return useQuery({
    queryKey: ['policy', 'version', number],
    queryFn: ({ signal }) => get<Policy>(`/policy/${number}`, signal),
    enabled: number > 0,
    staleTime: Infinity,
  });
}

/** After another was put in force. */
export function refreshPolicy(): void {
  void queryClient.invalidateQueries({ queryKey: ['policy'] });
  void queryClient.invalidateQueries({ queryKey: ['hosts'] });
}

export function useExceptions(): UseQueryResult<ExceptionList> {
  return useQuery({
    queryKey: ['exceptions'],
    queryFn: ({ signal }) => get<ExceptionList>('/exceptions', signal),
  });
}

/** The narrowest exception for a finding, asked for once somebody wants it. */
export function useProposal(alertId: string, findingId: string, isWanted: boolean): UseQueryResult<ExceptionProposal> {
  return useQuery({
    queryKey: ['proposal', alertId, findingId],
    queryFn: ({ signal }) => get<ExceptionProposal>(`/alerts/${alertId}/findings/${findingId}/exception`, signal),
    enabled: isWanted,
  });
}

/** What a wider exception than the one proposed would have silenced. */
export function usePreview(findingId: string, tried: object | undefined): UseQueryResult<ExceptionPreview> {
  return useQuery({
    queryKey: ['preview', findingId, tried],
    queryFn: ({ signal }) => post<ExceptionPreview>(`/exceptions/preview?without=${findingId}`, tried, signal),
    enabled: tried !== undefined,
  });
}
