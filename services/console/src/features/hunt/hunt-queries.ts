// What the page of hunts asks for.
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { Problem, get, steps } from '../../shared/api/client.ts';
import type { Hunt, HuntProgress, HuntRuleList, HuntStep } from '../../shared/api/views.ts';

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
      const { rule, text, since = '', until = '' } = request ?? {};
      const asked = { rule, text, since, until, limit: huntEventsMax };
      for await (const step of steps<HuntStep>('/hunts/steps', asked, signal)) {
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
