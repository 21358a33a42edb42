// The attack and the answer to it as one story, in order of time, with the distance of each step from the first act.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { finding, view } from '@norn/contracts';
import { actionOf, isDenied, isOfPolicy } from '@norn/response';
import type { ActivityRow } from '../model/attack/attack.queries.ts';
import type { Attack } from '../model/attack/attack.ts';
import { deedOf } from '../model/command/command.view.ts';
import { baseName, counted, durationOf, sentenceCase, timeOf } from '../model/words.ts';

/** Entries shown; what is left out are process starts, latest first. */
const entriesMax = 400;

export interface Story {
  readonly attack: Attack;
  readonly processes: readonly view.ProcessView[];
  readonly activity: readonly ActivityRow[];
  readonly connections: readonly view.ConnectionView[];
  readonly commands: readonly view.CommandView[];
}

interface Entry {
  us: number;
  kind: 'process' | 'file' | 'network' | 'finding' | 'response' | 'command';
  text: string;
  processUid?: string;
  tone?: 'bad' | 'good' | '';
}

export function timeline(story: Story): view.TimelineEntry[] {
  const { firstActUs } = story.attack;
  const telling = [...findings(story), ...responses(story), ...commands(story), ...files(story), ...network(story)];
  const starts = processStarts(story).slice(0, Math.max(0, entriesMax - telling.length));
  return [...telling, ...starts]
    .filter(({ us }) => us > 0)
    .sort((a, b) => a.us - b.us)
    .slice(0, entriesMax)
    .map(({ us, kind, text, processUid, tone }) =>
      create(view.TimelineEntrySchema, {
        time: timeOf(us),
        kind,
        text,
        processUid: processUid ?? '',
        tone: tone ?? '',
        offsetUs: us - firstActUs,
      }),
    );
}

function microsOf(time: string): number {
  if (time === '') return 0;
  const fraction = /\.\d{3}(\d{3})Z$/.exec(time);
  return Date.parse(time) * 1000 + Number(fraction?.[1] ?? 0);
}

function nameOf(process: view.ProcessView | undefined): string {
  return process === undefined
    ? 'A process'
    : `${baseName(process.images.at(-1)?.path ?? '') || 'A process'} (${process.pid})`;
}

function processStarts({ processes }: Story): Entry[] {
  return processes
    .filter(({ ancestor, blamed, origin }) => !ancestor && (blamed || origin))
    .flatMap((process) =>
      process.images.map((image) => ({
        us: microsOf(image.startedAt),
        kind: 'process' as const,
        text: `${process.pid} started ${image.commandLine || image.path}`,
        processUid: process.processUid,
      })),
    );
}

function files({ processes, activity }: Story): Entry[] {
  const blamed = new Map(processes.filter((process) => process.blamed).map((process) => [process.processUid, process]));
  return activity.flatMap((row) => {
    const process = blamed.get(row.uid);
    const count = Number(row.files);
    if (process === undefined || count === 0) return [];
    const extras = [
      Number(row.renamed) > 0 ? `${row.renamed} renamed` : '',
      Number(row.unlinked) > 0 ? `${row.unlinked} deleted` : '',
    ];
    const detail = extras.filter((extra) => extra !== '').join(', ');
    const spanUs = Number(row.filesToUs) - Number(row.filesFromUs);
    const within = spanUs > 0 ? ` within ${durationOf(spanUs)}` : '';
    const text = `${nameOf(process)} changed ${counted(count, 'file')}${within}${detail === '' ? '' : ` (${detail})`}`;
    return [{ us: Number(row.filesFromUs), kind: 'file' as const, text, processUid: row.uid, tone: 'bad' as const }];
  });
}

const directionWords: Readonly<Record<string, string>> = {
  connect: 'connected to',
  accept: 'accepted a connection from',
  listen: 'listened on',
  stdio: 'joined its standard input and output to',
};
const networkEntriesMax = 60;

function network({ connections, processes }: Story): Entry[] {
  const blamed = new Set(processes.filter((process) => process.blamed).map(({ processUid }) => processUid));
  return connections
    .filter(({ processUid }) => blamed.has(processUid))
    .slice(0, networkEntriesMax)
    .map(({ time, direction, address, port, processName, pid, processUid }) => ({
      us: microsOf(time),
      kind: 'network' as const,
      text: `${processName} (${pid}) ${directionWords[direction] ?? direction} ${endpoint(address, port)}`,
      processUid,
      tone: direction === 'stdio' ? ('bad' as const) : ('' as const),
    }));
}

function endpoint(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function findings({ attack }: Story): Entry[] {
  return attack.alert.findings.map((found) => ({
    us: Number(found.timeUs),
    kind: 'finding' as const,
    text: `${finderOf(found)}: ${found.summary || found.title}`,
    processUid: toHex(found.processUid),
    tone: 'bad' as const,
  }));
}

function finderOf(found: finding.Finding): string {
  if (isOfPolicy(found)) return `Policy ${found.ruleId.replace(/^policy\./, '')}`;
  return `${found.source === finding.FindingSource.REFLEX ? 'Reflex' : 'Rule'} ${found.ruleId}`;
}

const rungWords: Readonly<Partial<Record<finding.ResponseRung, string>>> = {
  [finding.ResponseRung.FROZEN]: 'froze',
  [finding.ResponseRung.KILLED]: 'killed',
  [finding.ResponseRung.KILLED_AT_EXEC]: 'killed before their first instruction',
};

function responses({ attack }: Story): Entry[] {
  return attack.alert.findings.flatMap((found) => {
    const { response } = found;
    if (isDenied(found)) {
      const text = `The agent did not let it happen: ${found.title}`;
      return [{ us: Number(found.timeUs), kind: 'response' as const, text, tone: 'good' as const }];
    }
    const verb = response === undefined ? undefined : rungWords[response.rung];
    if (response === undefined || verb === undefined || response.stoppedUs === 0n) return [];
    const after = durationOf(Number(response.stoppedUs - response.firstActUs));
    const what = counted(response.pids.length, 'process', 'processes');
    const text = `The agent ${verb} ${what}, ${after} after the first act`;
    return [{ us: Number(response.stoppedUs), kind: 'response' as const, text, tone: 'good' as const }];
  });
}

function commands({ commands: all }: Story): Entry[] {
  return all.flatMap((command) => {
    const asked: Entry = {
      us: microsOf(command.requestedAt),
      kind: 'command',
      text: `${sentenceCase(command.requestedBy)} asked to ${deedOf(command.action)}`,
    };
    if (command.finishedAt === '') return [asked];
    const isWhole = command.outcome === '' || command.outcome === 'whole';
    const good = command.state === 'succeeded' && isWhole;
    const said = command.result === '' ? '' : `: ${command.result}`;
    const text = `${sentenceCase(actionOf(command.action)?.words.noun ?? command.action)}${isWhole ? ` ${command.state}` : ''}${said}`;
    return [
      asked,
      { us: microsOf(command.finishedAt), kind: 'command' as const, text, tone: good ? 'good' : 'bad' } satisfies Entry,
    ];
  });
}
