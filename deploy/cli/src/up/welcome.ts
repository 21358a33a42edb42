// What `up` says when everything runs.
import type { ShownHost } from '@norn/contracts';
import { waitForAgent } from '../api/client/agent.ts';
import { connectApi } from '../api/client/client.ts';
import type { Installation } from '../installation/installation.ts';
import { createLoginLink } from './login-link.ts';
import { gigabytes } from '../machine/inspect-machine.ts';
import { memoryOf } from '../installation/memory.ts';
import { findBaldur } from '../supervisor/parts.ts';
import type { RunState } from '../installation/run-state.ts';

const hostWithinMs = 30_000;
const reportLines = 5;

export interface Welcome {
  readonly state: RunState;
  readonly withAgent: boolean;
  /** When `up` began; absent when everything ran before. */
  readonly begunAt?: Date;
}

export async function welcomeText(installation: Installation, welcome: Welcome): Promise<string> {
  const link = await createLoginLink(installation);
  const host = welcome.withAgent ? await waitForHost(welcome) : undefined;
  const pids = [welcome.state.supervisor, ...welcome.state.parts.map((part) => part.process)].map((one) => one?.pid);
  const memory = memoryOf([...pids, findBaldur(installation)?.pid].filter((pid) => pid !== undefined));
  const took = welcome.begunAt
    ? `Ready in ${((Date.now() - welcome.begunAt.getTime()) / 1000).toFixed(1)} s`
    : 'Already running';
  return [
    '',
    `${took}, ${gigabytes(memory)} of memory`,
    '',
    `  Console   ${link}`,
    '            (once, within 15 minutes; ./norn login makes another)',
    ...(welcome.withAgent ? agentLines(installation, host) : ['  Agent     not started (--no-agent)']),
    '  Try       ./norn attack ransomware --container',
    '  Stop      ./norn down',
    '',
  ].join('\n');
}

async function waitForHost({ begunAt }: Welcome): Promise<ShownHost | undefined> {
  return waitForAgent(await connectApi(), { ...(begunAt && { since: begunAt }), withinMs: hostWithinMs });
}

function agentLines(installation: Installation, host: ShownHost | undefined): string[] {
  if (!host) {
    return [
      '  Agent     has not reported yet; the installation works without it. Why:',
      `            ${installation.path('logs', 'tyr.log')}, ./norn hosts`,
    ];
  }
  const lines = capabilityReport(host);
  return [`  Agent     ${host.name} (${host.id}), ${host.state}`, ...lines.map((line) => `            ${line}`)];
}

/** Five lines: what this host can do by which mechanism, best served first, and what it can't, with who says why. */
export function capabilityReport(host: Pick<ShownHost, 'capabilities'>, whoSaysWhy = './norn hosts'): string[] {
  const served = host.capabilities.filter(({ available }) => available);
  const unserved = host.capabilities.filter(({ available }) => !available);
  const byMechanism = new Map<string, string[]>();
  for (const { name, mechanism } of served) byMechanism.set(mechanism, [...(byMechanism.get(mechanism) ?? []), name]);
  const groups = [...byMechanism].sort(([, one], [, other]) => other.length - one.length);
  const room = reportLines - (unserved.length > 0 ? 1 : 0);
  const shown = groups.slice(0, groups.length > room ? room - 1 : room);
  const rest = groups
    .slice(shown.length)
    .flatMap(([mechanism, names]) => names.map((name) => `${name} (${mechanism})`));
  return [
    ...shown.map(([mechanism, names]) => `✓ ${names.join(', ')}${mechanism ? ` — ${mechanism}` : ''}`),
    ...(rest.length > 0 ? [`✓ ${rest.join(', ')}`] : []),
    ...(unserved.length > 0 ? [`✗ ${unserved.map(({ name }) => name).join(', ')} — ${whoSaysWhy} says why`] : []),
  ];
}
