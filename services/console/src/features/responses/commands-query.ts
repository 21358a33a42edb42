// What the page of responses asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get } from '../../shared/api/client.ts';
import type { CommandList } from '../../shared/api/views.ts';

export function useCommands(): UseQueryResult<CommandList> {
  return useQuery({ queryKey: ['commands'], queryFn: ({ signal }) => get<CommandList>('/commands?limit=200', signal) });
}
