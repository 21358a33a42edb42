// `norn alerts` and `norn alert ID`.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { ShownAlert, ShownAlertDetail } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi, type ApiClient } from '../client/client.ts';
import { ago, columns, lines, write, writeJson } from '../../print/columns.ts';

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
    .option('--limit <count>', 'at most this many', '20')
    .option('--json', 'as JSON')
    .action(listAlerts);
  program
    .command('alert <id>')
    .description('Show one alert: what happened, where, which processes, what became of each file')
    .option('--json', 'as JSON')
    .action(showAlert);
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
export async function togetherDetail(api: ApiClient, id: string): Promise<ShownAlertDetail> {
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
