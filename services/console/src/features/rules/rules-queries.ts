// What the page of rules asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get } from '../../shared/api/client.ts';
import type { ExceptionList, RuleList } from '../../shared/api/views.ts';

export function useRules(): UseQueryResult<RuleList> {
  return useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => get<RuleList>('/rules', signal) });
}

export function useExceptions(): UseQueryResult<ExceptionList> {
  return useQuery({
    queryKey: ['exceptions'],
    queryFn: ({ signal }) => get<ExceptionList>('/exceptions', signal),
  });
}
