// Is an agent on watch? It speaks before its vault is open, and what was said before a restart is no longer true.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShownHost } from '@norn/contracts';
import type { ApiClient } from './client.ts';

const pollMs = 100;

export interface AgentWait {
  /** What was said before does not count. */
  readonly since?: Date;
  readonly withinMs: number;
}

/** The first host whose agent can see processes and knows whether it can restore files; undefined when it is too late. */
export async function waitForAgent(api: ApiClient, wait: AgentWait): Promise<ShownHost | undefined> {
  const deadline = performance.now() + wait.withinMs;
  do {
    const { hosts } = await api.get<{ hosts: ShownHost[] }>('/hosts');
    const host = hosts.find((candidate) => isOnWatch(candidate, wait.since ?? new Date(0)));
    if (host) return host;
    await sleep(pollMs);
  } while (performance.now() < deadline);
  return undefined;
}

export type Reported = Pick<ShownHost, 'reportedAt' | 'capabilities'>;

export function isOnWatch({ reportedAt, capabilities }: Reported, since: Date): boolean {
  const isKnown = (kind: string): boolean => capabilities.some(({ name }) => name.startsWith(kind));
  const isOpening = capabilities.some(({ name, detail }) => name === 'file.preimage' && detail.includes('opening'));
  return new Date(reportedAt) >= since && isKnown('process.') && isKnown('file.preimage') && !isOpening;
}
