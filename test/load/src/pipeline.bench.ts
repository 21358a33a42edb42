// What the pipeline takes: simulated hosts over gRPC and mTLS, through Kafka and every stage with its rules, into ClickHouse.
// The stages run in one process of their own; its CPU is the figure, the broker's and ClickHouse's stand beside it.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBatch } from '@norn/contracts';
import { NornError } from '@norn/base';
import { SimulatedHost } from '@norn/testkit';
import { type BenchInstallation, startBenchInstallation } from './bench-installation.ts';
import { LoadHost } from './load-host.ts';
import { type Moment, type PipelineFigures, figuresOf } from './pipeline-figures.ts';
import { StagesProcess, cpuOf } from './stages-process.ts';

export interface PipelineBenchOptions {
  readonly hosts?: number;
  readonly processesPerHost?: number;
  readonly eventsPerBatch?: number;
  /** Measured; before them each host sends its snapshot and a few more. */
  readonly batchesPerHost?: number;
  /** Stages and broker without TLS between them, to compare with. */
  readonly plainBus?: boolean;
  /** Told what is going on. */
  readonly progress?: (line: string) => void;
}

const defaults = {
  hosts: 100,
  processesPerHost: 2_000,
  eventsPerBatch: 400,
  batchesPerHost: 40,
  plainBus: false,
  progress: () => undefined,
};
/** Batches of each host before the measurement: code is compiled, trees are there. */
const warmUpBatches = 4;
/** How long stages may stay behind acked events before something is lost, ms. */
const settleMs = 120_000;
const sentLine = /^norn_bus_records_sent_total\{topic="(\w+)"[^}]*\} (\d+)/gm;
const receivedLine = /^norn_bus_records_received_total\{topic="(\w+)",group="([\w.]+)"[^}]*\} (\d+)/gm;

interface Load {
  readonly warmUp: readonly Uint8Array[];
  readonly measured: readonly Uint8Array[];
}

/** Throws `events_missing` when not every acked event is stored, exactly once. */
export async function runPipelineBench(options: PipelineBenchOptions = {}): Promise<PipelineFigures> {
  const plan = { ...defaults, ...options };
  plan.progress(`making ${plan.hosts * plan.batchesPerHost} batches of ${plan.eventsPerBatch} events`);
  const loads = Array.from({ length: plan.hosts }, (_, seed) => makeLoad(seed, plan));
  plan.progress('starting Kafka, ClickHouse and PostgreSQL');
  const installation = await startBenchInstallation(plan.hosts, { plain: plan.plainBus });
  try {
    const stages = await StagesProcess.start(installation.environment);
    try {
      return await measure({ installation, stages, loads, progress: plan.progress });
    } finally {
      await stages.close();
    }
  } finally {
    await installation.close();
  }
}

function makeLoad(seed: number, plan: Required<PipelineBenchOptions>): Load {
  const host = new SimulatedHost({ seed, processes: plan.processesPerHost, startUs: Date.now() * 1000 });
  const live = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, at) => host.live(plan.eventsPerBatch, traceparentOf(seed * count + at)));
  return { warmUp: [host.snapshot(), ...live(warmUpBatches)], measured: live(plan.batchesPerHost) };
}

/** As baldur does: every batch has a trace context, one in a hundred is sampled. */
function traceparentOf(batch: number): string {
  const sampled = batch % 100 === 0;
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${sampled ? '01' : '00'}`;
}

interface Bench {
  readonly installation: BenchInstallation;
  readonly stages: StagesProcess;
  readonly loads: readonly Load[];
  readonly progress: (line: string) => void;
}

async function measure({ installation, stages, loads, progress }: Bench): Promise<PipelineFigures> {
  const { ingestPort: port, authorityPem, identities } = installation;
  const hosts = identities.map((identity) => new LoadHost({ port, authorityPem, ...identity }));
  const send = (of: (load: Load) => readonly Uint8Array[]): Promise<unknown> =>
    Promise.all(hosts.map((host, index) => host.send(of(loads[index] ?? { warmUp: [], measured: [] }))));
  progress('warming up');
  const warmUpEvents = eventsIn(loads.flatMap(({ warmUp }) => warmUp));
  await send(({ warmUp }) => warmUp);
  await untilStored(installation, warmUpEvents);
  await untilRead(stages);
  progress('measuring');
  const before = await now(installation, stages);
  await send(({ measured }) => measured);
  const ackedMs = performance.now() - before.wallMs;
  const events = eventsIn(loads.flatMap(({ measured }) => measured));
  const stored = await untilStored(installation, warmUpEvents + events);
  await untilRead(stages);
  const after = await now(installation, stages);
  for (const host of hosts) host.close();
  progress(`${installation.spansWritten()} spans were written`);
  return figuresOf({ before, after, events, ackedMs, storedEvents: stored - warmUpEvents });
}

async function now({ kafkaPid, clickhousePid }: BenchInstallation, stages: StagesProcess): Promise<Moment> {
  return {
    wallMs: performance.now(),
    stages: await stages.sample(),
    kafkaUs: cpuOf(kafkaPid),
    clickhouseUs: cpuOf(clickhousePid),
  };
}

function eventsIn(batches: readonly Uint8Array[]): number {
  return batches.reduce((events, bytes) => events + openBatch(bytes).eventCount, 0);
}

async function untilStored(installation: BenchInstallation, events: number): Promise<number> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const stored = await installation.storedEvents();
    if (stored === events) return stored;
    if (stored > events || performance.now() > deadline) {
      throw new NornError('events_missing', `${stored} events are stored, ${events} were acked: see the stages' log`);
    }
    await sleep(100);
  }
}

/** Every stage has gone through what the ones before it wrote: rows may be stored while detection still has much to do. */
async function untilRead(stages: StagesProcess): Promise<void> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const unread = unreadOf((await stages.sample()).metrics);
    if (unread.length === 0) return;
    if (performance.now() > deadline) {
      throw new NornError('records_unread', `${unread.join(', ')}: not read to the end, see the stages' log`);
    }
    await sleep(100);
  }
}

/** "group topic" of which fewer records were read than were sent. */
function unreadOf(metrics: string): string[] {
  const sent = new Map([...metrics.matchAll(sentLine)].map(([, topic = '', records]) => [topic, Number(records)]));
  return [...metrics.matchAll(receivedLine)]
    .filter(([, topic = '', , records]) => Number(records) < (sent.get(topic) ?? 0))
    .map(([, topic = '', group = '']) => `${group} ${topic}`);
}
