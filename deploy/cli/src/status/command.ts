// `norn status`: is everything up, is anything on fire, is anything lost. Whatever does not answer is said, and what is known is said anyway.
import { messageOf } from '@norn/base';
import type { ShownAlert, ShownHost } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../api/client/client.ts';
import { isComposed } from '../api/client/own-api.ts';
import { placesOf, placesText } from './watched-places.ts';
import { readJoined } from '../installation/joined-host.ts';
import { write, writeJson } from '../print/columns.ts';
import { findInstallation, type Installation } from '../installation/installation.ts';
import { readRunState, type RunState } from '../installation/run-state.ts';
import { askParts, partProblems, supervisorProblems } from './ask-parts.ts';
import { roomProblems } from './room.ts';
import { assertReadable, whyDown } from '../installation/why-down.ts';

const apiDeadlineMs = 3_000;
const alertsMax = 200;
/** Somebody is still needed, or it is not over. */
const notOver = ['open', 'responding', 'stopped', 'failed'];

export function registerStatusCommand(program: Command): void {
  program
    .command('status')
    .description('Is everything up, is anything on fire, is anything lost; exits with 1 when a part is not well')
    .option('--json', 'as JSON')
    .action(showStatus);
}

async function showStatus({ json = false }: { json?: boolean }): Promise<void> {
  const installation = findInstallation();
  assertReadable(installation);
  const state = readRunState(installation);
  if (readJoined(installation)) await connectApi(); // It throws: the installation is elsewhere.
  // Containers are no parts that could be asked here.
  if (!state && !isComposed(installation)) tellDown(installation, json);
  else await tellUp(installation, state, json);
}

function tellDown(installation: Installation, json: boolean): void {
  process.exitCode = 1;
  const { why, log } = whyDown(installation);
  const problems = roomProblems(installation);
  if (json) {
    writeJson({ up: false, why, log, problems });
    return;
  }
  write(`Norn is down: ${[why, ...problems].join(' · ')}`);
  for (const line of log) write(`  ${line}`);
}

async function tellUp(installation: Installation, state: RunState | undefined, json: boolean): Promise<void> {
  const [parts, views] = await Promise.all([askParts(installation, state?.parts ?? []), readViews()]);
  const phase = state === undefined || state.phase === 'ready' ? [] : [`it is ${state.phase} (${state.message})`];
  const supervisor = state === undefined ? [] : supervisorProblems(state.supervisor);
  const own = [...phase, ...supervisor, ...roomProblems(installation), ...partProblems(parts, new Date())];
  // What the API can't tell because a part is away needs no second sentence.
  const problems = own.length > 0 ? own : views.problems;
  if (problems.length > 0) process.exitCode = 1;
  const up = state !== undefined || views.url !== '';
  if (json) writeJson({ ...views.json, up, problems, parts });
  else {
    const what = up ? 'Norn is up, but' : 'Norn is down';
    write(problems.length === 0 ? `Norn is up at ${views.url}` : `${what}: ${problems.join(' · ')}`);
    for (const line of views.lines) write(line);
  }
}

interface Views {
  readonly url: string;
  readonly lines: readonly string[];
  readonly json: object;
  readonly problems: readonly string[];
}

/** What the API tells; each view by itself, because each needs other stores. */
async function readViews(): Promise<Views> {
  const api = await connectApi(apiDeadlineMs).catch((error: unknown) => ({ failure: messageOf(error) }));
  if ('failure' in api) return { url: '', lines: [], json: {}, problems: [api.failure] };
  const problems = new Set<string>();
  const get = <Answer>(path: string): Promise<Answer | undefined> =>
    api.get<Answer>(path).catch((error: unknown) => {
      problems.add(`the API could not tell of ${path.replace(/\?.*/, '')} (${messageOf(error)})`);
      return undefined;
    });
  const [status, hosts, alerts] = await Promise.all([
    get<Record<string, unknown>>('/status'),
    get<{ hosts: ShownHost[] }>('/hosts').then((answer) => answer?.hosts),
    get<{ alerts: ShownAlert[] }>(`/alerts?state=${notOver.join(',')}&limit=${String(alertsMax)}`),
  ]);
  const byState = alerts && countByState(alerts.alerts);
  return {
    url: api.url,
    lines: [...hostLines(hosts), `  alerts  ${byState ? alertsText(byState) : unknown}`, ...eventLines(hosts)],
    json: { ...status, hosts: hosts?.map(hostJson), openAlerts: alerts?.alerts.length, alertsNotOver: byState },
    problems: [...problems],
  };
}

const unknown = 'not known: the API did not tell';

export function countByState(alerts: readonly Pick<ShownAlert, 'state'>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of alerts) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** "none open", "2 failed, 1 responding". */
export function alertsText(byState: Readonly<Record<string, number>>): string {
  const states = Object.entries(byState).map(([state, count]) => `${String(count)} ${state}`);
  const total = Object.values(byState).reduce((sum, count) => sum + count, 0);
  if (total === 0) return 'none open';
  return `${states.join(', ')}${total < alertsMax ? '' : ` among the newest ${String(alertsMax)}`}`;
}

function hostLines(hosts: readonly ShownHost[] | undefined): string[] {
  if (!hosts) return [`  hosts   ${unknown}`];
  const safe = hosts.filter(({ state }) => state === 'protected').length;
  return [`  hosts   ${String(safe)} of ${String(hosts.length)} protected`];
}

function eventLines(hosts: readonly ShownHost[] | undefined): string[] {
  if (!hosts) return [`  events  ${unknown}`];
  const sum = (of: (host: ShownHost) => number): string => String(hosts.reduce((all, host) => all + of(host), 0));
  const now = new Date();
  return [
    `  events  ${sum((host) => host.eventsTotal)} seen, ${sum((host) => host.eventsLost)} lost`,
    ...hosts.map((host) => placesText(host, now)),
  ];
}

function hostJson(host: ShownHost): object {
  const { id, name, state, eventsLost } = host;
  return { id, name, state, eventsLost, ...placesOf(host) };
}
