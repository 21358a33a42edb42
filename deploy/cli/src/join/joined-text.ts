// What `join` says when the agent runs: who this host is, and what it can do.
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHostReport, type ToldReport } from '@norn/tyr';
import { isOnWatch } from '../api/client/agent.ts';
import type { Installation } from '../installation/installation.ts';
import { capabilityReport } from '../up/welcome.ts';
import { knownIdentity } from './enrol-host.ts';
import { readJoined } from '../installation/joined-host.ts';

const reportWithinMs = 30_000;
const pollMs = 100;
const usualHome = '/var/lib/norn';

export interface Joining {
  readonly ran: boolean;
  /** What was reported before does not count. */
  readonly begunAt?: Date;
}

export async function joinedText(installation: Installation, { ran, begunAt }: Joining): Promise<string> {
  const report = await waitForReport(installation, begunAt ?? new Date(0));
  const { hostId = '' } = knownIdentity(installation) ?? {};
  const { ingest = '' } = readJoined(installation) ?? {};
  const took =
    begunAt && !ran ? `Joined in ${((Date.now() - begunAt.getTime()) / 1000).toFixed(1)} s` : 'Already joined';
  const home = installation.home === usualHome ? '' : `NORN_HOME=${installation.home} `;
  return [
    '',
    `${took}, the installation at ${ingest}`,
    '',
    `  Host      ${hostname()} (${hostId})`,
    ...reportLines(installation, report).map((line) => `            ${line}`),
    `  Stop      ${home}./norn down - (with the maintenance token: ./norn hosts token ${hostId} on the installation)`,
    `  Again     ${home}./norn join (after a restart of this machine; needs no invitation)`,
    '',
  ].join('\n');
}

function reportLines(installation: Installation, report: ToldReport | undefined): string[] {
  if (report) return capabilityReport(report, './norn hosts on the installation');
  return ['its agent has not reported yet. Why:', installation.path('logs', 'tyr.log')];
}

async function waitForReport(installation: Installation, since: Date): Promise<ToldReport | undefined> {
  const deadline = performance.now() + reportWithinMs;
  do {
    const report = readHostReport(installation.path('agent'));
    if (report && isOnWatch(report, since)) return report;
    await sleep(pollMs);
  } while (performance.now() < deadline);
  return undefined;
}
