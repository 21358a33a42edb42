// What the page of the policy asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get } from '../../shared/api/client.ts';
import { queryClient } from '../../shared/api/queries.ts';
import type { Policy, PolicyHistory } from '../../shared/api/views.ts';

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
