// What the page of an alert asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { get } from '../../shared/api/client.ts';
import { queryClient, readAlert } from '../../shared/api/queries.ts';
import type { AlertDetail, FileList } from '../../shared/api/views.ts';

/** An alert may be known before its processes are stored: so long its page asks again. */
const youngMs = 30_000;
const youngIntervalMs = 1_500;
const unfinished = new Set(['requested', 'dispatched', 'delivered', 'running']);

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
