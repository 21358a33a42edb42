// `norn alerts`, `norn alert ID`, and what a person does about one: restore, kill, release, archive.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { ShownAlert, ShownAlertDetail, ShownCommand } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi, type ApiClient } from '../api/client.ts';
import { ago, columns, lines, note, write, writeJson } from '../print/columns.ts';

const actions = {
  restore: 'Undo every change the attack made to files; exits with 1 when some wait for you or are lost',
  undo: 'Undo the newest restore: the files are again as the attack left them; exits like restore',
  kill: 'Kill what still runs of the attack',
  isolate: 'Take the pod that it was in off the network, or its container where there is no pod',
  rejoin: 'Let it back onto the network',
  release: 'Thaw what is frozen; Norn will not fire again on the same evidence',
  archive: 'Close the alert',
} as const;

type ActionName = keyof typeof actions;

interface ActOptions {
  json?: boolean;
  container?: boolean;
  cold?: boolean;
  overConflicts?: true | string[];
  blamed?: boolean;
}

interface ListOptions {
  json?: boolean;
  state?: string;
  severity?: string;
  limit: string;
}

export function registerAlertCommands(program: Command): void {
  program
    .command('alerts')
    .description('List alerts, newest first')
    .option(
      '--state <state>',
      'open, responding, remediated, stopped (files wait for you or are lost), failed, released or archived',
    )
    .option('--severity <severity>', 'low, medium, high or critical')
    .option('--limit <count>', 'at most so many', '20')
    .option('--json', 'as JSON')
    .action(listAlerts);
  program
    .command('alert <id>')
    .description('Show one alert: what happened, where, which processes, what became of each file')
    .option('--json', 'as JSON')
    .action(showAlert);
  for (const [action, description] of Object.entries(actions)) {
    const command = program.command(`${action} <alert>`).description(description).option('--json', 'as JSON');
    if (action === 'restore') {
      command.option(
        '--container',
        "the whole container, as it was before the attack's first change, whoever changed it",
      );
      command.option(
        '--blamed',
        'what everybody did whom the alert blames, a shell or a session too that findings only tell of; says first who that is',
      );
      command.option(
        '--over-conflicts [paths...]',
        'files that somebody else changed since are put back too: all, or those named (undo brings back what is replaced)',
      );
      command.option('--cold', 'the same, with the container stopped meanwhile and started again after (Docker)');
    }
    if (action === 'kill') command.option('--container', "every process of the container, not only the attack's");
    command.action((alert: string, options: ActOptions) => act(action as ActionName, alert, options));
  }
}

async function listAlerts(options: ListOptions): Promise<void> {
  const api = await connectApi();
  const query = new URLSearchParams({ limit: options.limit });
  if (options.state) query.set('state', options.state);
  if (options.severity) query.set('severity', options.severity);
  const answer = await api.get<{ alerts: ShownAlert[] }>(`/alerts?${query.toString()}`);
  if (options.json) {
    writeJson(answer.alerts);
    return;
  }
  write(
    answer.alerts.length === 0 ? 'No alerts. Try one: ./norn attack ransomware --container' : alertTable(answer.alerts),
  );
}

function alertTable(alerts: readonly ShownAlert[]): string {
  const now = new Date();
  const rows = alerts.map((alert) => [
    alert.id.slice(0, 12),
    alert.severity,
    [alert.stateText.toLowerCase(), alert.livesText].filter((text) => text !== '').join(', '),
    alert.containerId.slice(0, 12) || 'host',
    alert.hostName,
    fileSentence(alert),
    ago(alert.createdAt, now),
    alert.title,
  ]);
  return columns([['ALERT', 'SEVERITY', 'STATE', 'CONTAINER', 'HOST', 'FILES', 'WHEN', 'WHAT'], ...rows]);
}

/** "7 restored, 3 removed, 2 in conflict", or "–". */
export function fileSentence(alert: ShownAlert): string {
  const parts = Object.entries(alert.files).filter(([, count]) => count > 0);
  return parts.length === 0
    ? '–'
    : parts
        .map(([verdict, count]) => `${String(count)} ${verdict === 'conflict' ? 'in conflict' : verdict}`)
        .join(', ');
}

async function showAlert(id: string, options: { json?: boolean }): Promise<void> {
  const api = await connectApi();
  const detail = await togetherDetail(api, await resolveId(api, id));
  if (options.json) {
    // The alert's own fields stand on top: `id`, `containerId`, `severity`, `state`, `createdAt`, `files` are an interface.
    const { alert, files, ...rest } = detail;
    writeJson({ ...alert, ...rest, fileList: files });
    return;
  }
  write(alertPage(detail, api.url));
}

const togetherWaitMs = 30_000;

/** With what its processes did, when that is put together in time. */
async function togetherDetail(api: ApiClient, id: string): Promise<ShownAlertDetail> {
  const deadline = Date.now() + togetherWaitMs;
  for (;;) {
    const detail = await api.get<ShownAlertDetail>(`/alerts/${id}`);
    if (!detail.telemetryPending || Date.now() > deadline) return detail;
    await sleep(250);
  }
}

function alertPage(detail: ShownAlertDetail, url: string): string {
  const { alert, processes, files, timeline } = detail;
  const where = alert.containerId
    ? `container ${alert.containerId.slice(0, 12)} (${alert.containerName || 'unnamed'}, ${alert.containerImage || 'image unknown'}) on ${alert.hostName}`
    : `host ${alert.hostName}`;
  const tree = processes.map((process) => {
    const image = process.images.at(-1);
    return `  ${process.blamed ? '!' : ' '} ${String(process.pid).padStart(7)}  ${image?.commandLine || image?.path || '?'}${lifeOf(process)}`;
  });
  return lines([
    `${alert.severity.toUpperCase()}  ${alert.title}`,
    `  ${alert.summary}`,
    `  ${alert.response}`,
    ...(detail.telemetryProblem === '' ? [] : [`  ${detail.telemetryProblem}`]),
    `  ${where}`,
    `  state ${alert.stateText.toLowerCase()} · files: ${fileSentence(alert)} · ${alert.techniques.join(' ')}`,
    `  ${url}/alerts/${alert.id}`,
    `Processes (! blamed)`,
    ...tree,
    `Files (${String(files.length)})`,
    ...files
      .slice(0, 20)
      .map((file) => `  ${file.verdict.padEnd(9)}  ${file.path}${file.reason ? `: ${file.reason}` : ''}`),
    ...(files.length > 20 ? [`  … ${String(files.length - 20)} more with --json`] : []),
    'Timeline',
    ...timeline.map((entry) => `  ${entry.time.slice(11, 23)}  ${entry.text}`),
  ]);
}

function lifeOf({ killed, ended, unknown, blamed }: ShownAlertDetail['processes'][number]): string {
  if (killed) return '  (killed)';
  if (ended || !blamed) return '';
  return unknown ? '  (not known whether it runs)' : '  (runs)';
}

/** The full id of an alert named by its first characters. Throws `alert_unnamed`, `alert_unknown`. */
export async function resolveId(api: Pick<ApiClient, 'get'>, id: string): Promise<string> {
  if (id === '') throw new NornError('alert_unnamed', 'The id of an alert is missing: ./norn alerts lists them');
  if (!/^[0-9a-f]{8,32}$/.test(id)) {
    const form = 'an id has 32 lower-case hex digits, of which the first 8 do';
    throw new NornError('alert_unknown', `"${id}" names no alert: ${form}; ./norn alerts lists them`);
  }
  if (id.length === 32) return id;
  // Two are enough to know that it is not one.
  const { alerts } = await api.get<{ alerts: ShownAlert[] }>(`/alerts?id=${id}&limit=2`);
  const [found, another] = alerts;
  if (found && !another) return found.id;
  const count = found ? 'More than one alert starts' : 'No alert starts';
  throw new NornError('alert_unknown', `${count} with "${id}": ./norn alerts lists them`);
}

async function act(action: ActionName, alert: string, options: ActOptions): Promise<void> {
  const api = await connectApi();
  const id = await resolveId(api, alert);
  if (action === 'archive') {
    const archived = await api.post<ShownAlert>(`/alerts/${id}/archive`);
    report(archived, `Alert ${id.slice(0, 12)} is ${archived.state}`, options);
    return;
  }
  if (options.blamed) await sayBlamed(api, id);
  const command = await finished(api, await api.post<ShownCommand>(`/alerts/${id}/${pathOf(action, options)}`));
  const { alert: after } = await api.get<ShownAlertDetail>(`/alerts/${id}`);
  const sentence = `${command.summary} · the alert: ${after.stateText.toLowerCase()} · files: ${fileSentence(after)}`;
  report({ ...command, files: after.files }, sentence, options);
  // What waits for somebody or is lost is no success, though the host did what it was asked.
  if (command.state !== 'succeeded' || ['part', 'nothing'].includes(command.outcome)) process.exitCode = 1;
}

/** Before it is done: what goes beside what the attack changed. */
async function sayBlamed(api: ApiClient, id: string): Promise<void> {
  const { actions: offered } = await togetherDetail(api, id);
  const wider = offered.find((each) => each.action === 'restore-blamed');
  if (!wider) {
    throw new NornError(
      'nothing_beside',
      `Alert ${id.slice(0, 12)} blames nobody beside those whose work a restore takes back: leave --blamed out`,
    );
  }
  note(wider.consequence);
}

function pathOf(action: ActionName, { cold, container, overConflicts, blamed }: ActOptions): string {
  if (blamed === true) {
    if (cold === true || container === true || overConflicts !== undefined) {
      throw new NornError('usage', '--blamed is a restore of its own: give it without the other options');
    }
    return 'restore-blamed';
  }
  if (overConflicts !== undefined) {
    if (cold === true || container === true) {
      throw new NornError(
        'usage',
        "--over-conflicts decides about the attack's files: give it without --container and --cold",
      );
    }
    const query = new URLSearchParams(overConflicts === true ? {} : { path: overConflicts });
    return `restore-conflicts?${query.toString()}`;
  }
  return `${action}${cold === true ? '-container-cold' : container === true ? '-container' : ''}`;
}

function report(value: object, sentence: string, options: { json?: boolean }): void {
  if (options.json) writeJson(value);
  else write(sentence);
}

const finalStates = new Set(['succeeded', 'failed', 'expired', 'cancelled']);
const commandWaitMs = 120_000;

async function finished(api: ApiClient, requested: ShownCommand): Promise<ShownCommand> {
  const deadline = Date.now() + commandWaitMs;
  let command = requested;
  while (!finalStates.has(command.state)) {
    if (Date.now() > deadline) {
      throw new NornError(
        'command_pending',
        `Command ${command.id} is still ${command.state}: is the host connected? ./norn hosts`,
      );
    }
    await sleep(150);
    const detail = await api.get<ShownAlertDetail>(`/alerts/${requested.alertId}`);
    command = detail.commands.find(({ id }) => id === requested.id) ?? command;
  }
  return command;
}
