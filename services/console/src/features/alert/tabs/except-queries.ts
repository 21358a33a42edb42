// What the dialog of an exception asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get, post } from '../../../shared/api/client.ts';
import type { ExceptionPreview, ExceptionProposal } from '../../../shared/api/views.ts';

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
