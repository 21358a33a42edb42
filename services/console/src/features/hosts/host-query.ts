// What the page of a host asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get } from '../../shared/api/client.ts';
import type { Host } from '../../shared/api/views.ts';

export function useHost(id: string): UseQueryResult<Host> {
  return useQuery({
    queryKey: ['hosts', id],
    queryFn: ({ signal }) => get<Host>(`/hosts/${id}`, signal),
    enabled: id !== '',
  });
}
