// What the page of containers asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get } from '../../shared/api/client.ts';
import type { ContainerList } from '../../shared/api/views.ts';

export function useContainers(): UseQueryResult<ContainerList> {
  return useQuery({
    queryKey: ['containers'],
    queryFn: ({ signal }) => get<ContainerList>('/containers', signal),
    refetchInterval: 30_000,
  });
}
