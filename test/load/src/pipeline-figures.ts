// From two moments to figures: rates, CPU an event, and where the CPU went.
import type { StagesSample } from './stages.main.ts';

/** What was counted up to a moment; CPU in µs. */
export interface Moment {
  readonly wallMs: number;
  readonly stages: StagesSample;
  readonly kafkaUs: number;
  readonly clickhouseUs: number;
}

export interface PipelineFigures {
  readonly events: number;
  readonly storedEvents: number;
  readonly wallSeconds: number;
  readonly eventsPerSecond: number;
  readonly ackedEventsPerSecond: number;
  /** Norn's own process. */
  readonly eventsPerCpuSecond: number;
  readonly cpuNsPerEvent: { readonly norn: number; readonly kafka: number; readonly clickhouse: number };
  /** Norn's CPU an event, ns: by stage and step, then everything else (bus, gRPC, TLS, HTTP, runtime). */
  readonly nornNsPerEvent: Readonly<Record<string, number>>;
  /** Pauses for garbage collection an event, ns of time; part of the figures above. */
  readonly gcNsPerEvent: number;
  readonly rssMb: number;
}

/** What TLS between the stages and the broker costs them, CPU an event: the difference to the same run without it. */
export interface BusTls {
  readonly norn: number;
  readonly kafka: number;
}

export function busTlsOf(secured: PipelineFigures, plain: PipelineFigures): BusTls {
  return {
    norn: secured.cpuNsPerEvent.norn - plain.cpuNsPerEvent.norn,
    kafka: secured.cpuNsPerEvent.kafka - plain.cpuNsPerEvent.kafka,
  };
}

export interface Measurement {
  readonly before: Moment;
  readonly after: Moment;
  readonly events: number;
  readonly storedEvents: number;
  readonly ackedMs: number;
}

export function figuresOf({ before, after, events, storedEvents, ackedMs }: Measurement): PipelineFigures {
  const wallMs = after.wallMs - before.wallMs;
  const cpuUs = after.stages.cpuUs - before.stages.cpuUs;
  const perEvent = (us: number): number => Math.round((us * 1000) / events);
  return {
    events,
    storedEvents,
    wallSeconds: Math.round(wallMs) / 1000,
    eventsPerSecond: Math.round((events * 1000) / wallMs),
    ackedEventsPerSecond: Math.round((events * 1000) / ackedMs),
    eventsPerCpuSecond: Math.round((events * 1e6) / cpuUs),
    cpuNsPerEvent: {
      norn: perEvent(cpuUs),
      kafka: perEvent(after.kafkaUs - before.kafkaUs),
      clickhouse: perEvent(after.clickhouseUs - before.clickhouseUs),
    },
    nornNsPerEvent: breakdownOf(before, after, { events, cpuUs }),
    gcNsPerEvent: perEvent((after.stages.gcMs - before.stages.gcMs) * 1000),
    rssMb: Math.round(after.stages.rssBytes / 1e6),
  };
}

function breakdownOf(
  before: Moment,
  after: Moment,
  { events, cpuUs }: { events: number; cpuUs: number },
): Record<string, number> {
  const earlier = busyOf(before.stages.metrics);
  const parts = new Map<string, number>();
  for (const [step, ms] of busyOf(after.stages.metrics)) parts.set(step, ms - (earlier.get(step) ?? 0));
  const known = [...parts.values()].reduce((sum, ms) => sum + ms, 0);
  parts.set('bus, gRPC, HTTP, runtime', cpuUs / 1000 - known);
  return Object.fromEntries([...parts].map(([part, ms]) => [part, Math.round((ms * 1e6) / events)]));
}

const busyLine = /^norn_stage_busy_ms_total\{(.*)\} ([\d.e+-]+)/;

/** Milliseconds by "stage step". */
function busyOf(metrics: string): Map<string, number> {
  const busy = new Map<string, number>();
  for (const line of metrics.split('\n')) {
    const [, labels = '', value = ''] = busyLine.exec(line) ?? [];
    if (labels === '') continue;
    busy.set(`${labelOf(labels, 'stage')} ${labelOf(labels, 'step')}`, Number(value));
  }
  return busy;
}

function labelOf(labels: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
}

export function tableOf(figures: PipelineFigures & { readonly busTlsNsPerEvent: BusTls }): string {
  const { cpuNsPerEvent, nornNsPerEvent, busTlsNsPerEvent } = figures;
  const rows: [string, string][] = [
    ['events', figures.events.toLocaleString('en')],
    ['stored, each once', figures.storedEvents.toLocaleString('en')],
    ['events/s, to the last row stored', figures.eventsPerSecond.toLocaleString('en')],
    ['events/s per core of Norn', figures.eventsPerCpuSecond.toLocaleString('en')],
    ['CPU an event: Norn', `${cpuNsPerEvent.norn} ns`],
    ...Object.entries(nornNsPerEvent)
      .sort(([, one], [, other]) => other - one)
      .map(([part, ns]): [string, string] => [`  ${part}`, `${ns} ns`]),
    ['  of these in garbage collection', `${figures.gcNsPerEvent} ns`],
    ['  of these for TLS on the bus', `${busTlsNsPerEvent.norn} ns`],
    ['CPU an event: Kafka', `${cpuNsPerEvent.kafka} ns`],
    ['  of these for TLS on the bus', `${busTlsNsPerEvent.kafka} ns`],
    ['CPU an event: ClickHouse', `${cpuNsPerEvent.clickhouse} ns`],
    ['memory of Norn', `${figures.rssMb} MB`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value.padStart(14)}`).join('\n');
}
