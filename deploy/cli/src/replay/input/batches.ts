// From a file to the batches of its hosts, each host's in order: what ingest would have handed to the first stage.
import { NornError } from '@norn/base';
import { BatchWriter, openBatch } from '@norn/contracts';
import { perturbArrivals, type Perturbation } from '../perturb/perturb-arrivals.ts';
import {
  type Arrival,
  type ArrivalCounters,
  ArrivalWindow,
  type Released,
  type WindowLimits,
} from './arrival-window.ts';
import { BatchBuilder, type HostBatch, gapRow } from './batch-builder.ts';
import { readEventLine, type RecordedEvent } from './event-line.ts';
import type { OpenInput } from './open-file.ts';
import { RecordedHost, WrittenFiles } from './recorded-host.ts';
import { readPieces } from './recording-format.ts';

export interface InputOptions {
  readonly perturbation: Perturbation;
  /** Facts are known from the moment they stand in the file. */
  readonly onFacts: (hostKey: string, facts: Uint8Array) => void;
}

export interface HostBatches {
  readonly batches: AsyncGenerator<HostBatch>;
  /** Grow while the batches are read. */
  readonly counters: ArrivalCounters;
}

/** How far a line may be from its place, and a batch; lines and batches held at most. */
export const lineWindow: WindowLimits = { hostHeldMax: 1_024, heldMax: 100_000 };
export const batchWindow: WindowLimits = { hostHeldMax: 32, heldMax: 1_024 };

/** Tenant of hosts in a file of lines. */
export const linesTenant = 'replay';
/** A line's time when it gives none: this moment, 2026-01-01, and a millisecond for each event of its host. */
const startUs = 1_767_225_600_000_000;
/** The last place that has a time before 2100, as `timeUs` has. */
const untimedSeqMax = 2_335_219_200_000;
const lineBytesMax = 1024 * 1024;
/** Hosts of a file of lines. */
const hostsMax = 10_000;

/** Reading throws what is wrong with the file, with line or record and the cure. */
export function readBatches(input: OpenInput, options: InputOptions): HostBatches {
  return input.format === 'lines' ? batchesOfLines(input, options) : batchesOfRecording(input, options);
}

function batchesOfLines(input: OpenInput, { perturbation }: InputOptions): HostBatches {
  const window = new ArrivalWindow<RecordedEvent>(lineWindow);
  const arrivals = perturbArrivals(readLines(input), perturbation, lineWindow.hostHeldMax);
  return { batches: buildBatches(inOrder(arrivals, window)), counters: window.counters };
}

function batchesOfRecording(input: OpenInput, { perturbation, onFacts }: InputOptions): HostBatches {
  const window = new ArrivalWindow<Uint8Array>(batchWindow);
  const arrivals = perturbArrivals(readRecording(input, onFacts), perturbation, batchWindow.hostHeldMax);
  return { batches: withGaps(inOrder(arrivals, window)), counters: window.counters };
}

async function* inOrder<T>(arrivals: AsyncIterable<Arrival<T>>, window: ArrivalWindow<T>): AsyncGenerator<Released<T>> {
  for await (const arrival of arrivals) yield* window.take(arrival);
  yield* window.end();
}

async function* readLines({ bytes, path }: OpenInput): AsyncGenerator<Arrival<RecordedEvent>> {
  const counts = new Map<string, number>();
  let number = 0;
  for (let line = await bytes.line(lineBytesMax); line; line = await bytes.line(lineBytesMax)) {
    number += 1;
    if (line.length > lineBytesMax)
      throw new NornError('replay_line_invalid', `${path}:${number}: longer than ${lineBytesMax} bytes: cut its texts`);
    const text = line.toString('utf8').trim();
    if (text === '') continue;
    const item = readEventLine(text, path, number);
    const count = counts.get(item.w) ?? 0;
    counts.set(item.w, count + 1);
    if (counts.size > hostsMax)
      throw new NornError('replay_hosts_too_many', `${path}:${number}: more than ${hostsMax} hosts: split the file`);
    const position = item.seq ?? count;
    if (item.timeUs === undefined && position > untimedSeqMax)
      throw new NornError(
        'replay_line_invalid',
        `${path}:${number}: "seq" ${position} without "timeUs" is past ${untimedSeqMax}: give "timeUs", or count from 0`,
      );
    const timeUs = item.timeUs ?? startUs + position * 1000;
    yield { hostKey: `${linesTenant}:${item.w}`, stream: '', position, timeUs, item };
  }
}

async function* buildBatches(released: AsyncIterable<Released<RecordedEvent>>): AsyncGenerator<HostBatch> {
  const hosts = new Map<string, { readonly host: RecordedHost; readonly builder: BatchBuilder }>();
  const written = new WrittenFiles();
  for await (const { hostKey, timeUs, missing, item } of released) {
    const known = hosts.get(hostKey) ?? {
      host: new RecordedHost(hostKey, written),
      builder: new BatchBuilder(hostKey),
    };
    hosts.set(hostKey, known);
    const rows = [known.host.rowOf(item, timeUs)];
    if (missing > 0) rows.unshift(gapRow({ hostKey, timeUs, lost: missing, place: 0 }));
    for (const row of rows) {
      const batch = known.builder.add(row);
      if (batch) yield batch;
    }
  }
  for (const { builder } of hosts.values()) {
    const batch = builder.finish();
    if (batch) yield batch;
  }
}

async function* readRecording(
  { bytes, path }: OpenInput,
  onFacts: InputOptions['onFacts'],
): AsyncGenerator<Arrival<Uint8Array>> {
  let number = 0;
  for await (const { kind, hostKey, value } of readPieces(bytes, path)) {
    number += 1;
    if (kind === 'facts') onFacts(hostKey, value);
    else yield arrivalOf(hostKey, value, number);
  }
}

/** What is no batch at all has a stream of its own: the first stage refuses it, as it would a live one. */
function arrivalOf(hostKey: string, item: Uint8Array, number: number): Arrival<Uint8Array> {
  try {
    const { streamIdHex, batchSeq, baseTimeUs } = openBatch(item);
    return { hostKey, stream: streamIdHex, position: batchSeq, timeUs: baseTimeUs, item };
  } catch (error) {
    if (!(error instanceof NornError)) throw error;
    return { hostKey, stream: `malformed ${number}`, position: 0, timeUs: 0, item };
  }
}

/** A batch that never came is told by one in its place, as the agent's spool would. */
async function* withGaps(released: AsyncIterable<Released<Uint8Array>>): AsyncGenerator<HostBatch> {
  for await (const { hostKey, position, timeUs, missing, item } of released) {
    if (missing > 0) {
      const { streamId, bootId } = openBatch(item);
      // How many events the lost batches had nobody knows.
      const writer = new BatchWriter().add(gapRow({ hostKey, timeUs, lost: 0, place: 4 }));
      yield { hostKey, bytes: writer.finish({ streamId, bootId, batchSeq: position - 1 }) };
    }
    yield { hostKey, bytes: item };
  }
}
