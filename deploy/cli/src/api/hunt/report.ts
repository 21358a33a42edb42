// What a hunt found, for a terminal: a sentence, a picture over time, a table.
import type { ShownHunt } from '@norn/contracts';
import { columns } from '../../print/columns.ts';

type ShownEvent = ShownHunt['events'][number];

const bars = ' ▁▂▃▄▅▆▇█';
const pathWidth = 60;

/** Times are UTC. */
export function huntReport(found: ShownHunt): string {
  const { rule, total, since, until, events } = found;
  const what = rule.category === 'correlation' ? `found ${total} ${total === 1 ? 'time' : 'times'}` : counted(total);
  const head = `${rule.title} (${rule.level}): ${what} from ${minute(since)} to ${minute(until)} UTC, in ${(found.tookMs / 1000).toFixed(1)} s`;
  const read = readOf(found);
  if (total === 0)
    return [head, ...read, 'Nothing is stored that the rule finds. A longer time: --since 30d'].join('\n');
  return [
    head,
    ...read,
    ...histogram(found),
    '',
    eventTable(events),
    ...(found.truncated
      ? [`… and ${counted(total - events.length)} before: --limit, or --json for all that one hunt shows`]
      : []),
  ].join('\n');
}

/** What a correlation was made from, and where there was too much. */
function readOf({ rule, eventsRead, readUntil }: ShownHunt): string[] {
  if (rule.category !== 'correlation') return [];
  const whole = `${counted(eventsRead)} of its rules put together`;
  if (readUntil === '') return [whole];
  return [
    `${whole}; what is later than ${minute(readUntil)} was not looked at, there is too much: --since ${readUntil}`,
  ];
}

function counted(events: number): string {
  return `${events.toLocaleString('en')} event${events === 1 ? '' : 's'}`;
}

/** One character a bucket, and what the highest stands for. */
function histogram({ histogram: buckets, bucketSeconds, since, until }: ShownHunt): string[] {
  const most = Math.max(...buckets.map(({ events }) => events));
  // Also a single event is to be seen.
  const level = (events: number): number =>
    events === 0 ? 0 : Math.max(1, Math.round((events / most) * (bars.length - 1)));
  const line = buckets.map(({ events }) => bars.charAt(level(events))).join('');
  const [left, right] = [minute(since), minute(until)];
  return [
    '',
    line,
    `${left}${' '.repeat(Math.max(1, line.length - left.length - right.length))}${right}`,
    `each ${duration(bucketSeconds)}, at most ${counted(most)}`,
  ];
}

function duration(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function minute(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}

function eventTable(events: readonly ShownEvent[]): string {
  const rows = events.map((one) => [
    one.time.slice(0, 19).replace('T', ' '),
    one.hostName,
    one.containerId === '' ? 'host' : one.containerName || one.containerId.slice(0, 12),
    `${one.image.slice(one.image.lastIndexOf('/') + 1) || '?'} (${one.pid})`,
    one.userName || '–',
    matched(one),
  ]);
  return columns([['TIME', 'HOST', 'CONTAINER', 'PROCESS', 'USER', 'MATCHED'], ...rows]);
}

/** "CommandLine sh -i …; Image /bin/sh". */
function matched({ matched: evidence, commandLine }: ShownEvent): string {
  if (evidence.length === 0) return shown(commandLine);
  return evidence.map(({ field, value }) => `${field} ${shown(value)}`).join('; ');
}

/** On one line, and not longer than a line bears. Control characters must not reach the terminal: an attacker wrote them. */
function shown(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return line.length > pathWidth ? `${line.slice(0, pathWidth - 1)}…` : line;
}
