// kafkajs 2.2.4, its last release, with six faults mended while it is loaded: each function says what is wrong, and why it matters. But for its types,
// nothing else here imports kafkajs, so another client can take its place.
import { createRequire } from 'node:module';
import { crc32c } from '@node-rs/crc32';
import { NornError } from '@norn/base';
import type * as KafkaJs from 'kafkajs';
import { generationOf } from './mark.ts';
import { type ProduceRequest, encodeProduce, isPlain } from './produce-request.ts';

const require = createRequire(import.meta.url);

/** Length, API, its version, correlation, length of the client's id. */
const requestHeadBytes = 4 + 2 + 2 + 4 + 2;

interface RequestQueue {
  pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

/**
 * Idle connections re-arm a 1 ms timer for ever (564 ms CPU in 10 s; 27 ms with this) although nothing is pending.
 * A request that is enqueued later schedules its own check.
 */
function mendIdleTimer(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** Puts something else in the place of what a module of kafkajs exports. Must run before kafkajs is loaded. */
function replace<Exported>(name: string, by: (exported: Exported) => Exported): void {
  const path = require.resolve(`kafkajs/src/protocol/${name}`);
  const exported = require(path) as Exported;
  const module = require.cache[path];
  if (module !== undefined) module.exports = by(exported);
}

/** The checksum of record batches is computed in JavaScript, byte by byte; the native one is 20 times faster. */
function useNativeChecksum(): void {
  replace('recordBatch/crc32C', () => (buffer: Buffer) => crc32c(buffer));
}

/** Of kafkajs' encoder: what it made so far. */
interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

type MakeProduce = (request: ProduceRequest) => { readonly encode: () => Promise<Encoded> };

/** What is produced is copied nine times on its way to the socket; this way twice (`produce-request.ts`). */
function produceInOnePass(): void {
  replace<MakeProduce>('requests/produce/v3/request', (make) => (request) => {
    if (!isPlain(request)) return make(request);
    const encode = (): Promise<Encoded> => {
      const buffer = encodeProduce(request, Date.now());
      return Promise.resolve({ buf: buffer, buffer });
    };
    return { ...make(request), encode };
  });
}

interface Framed {
  readonly correlationId: number;
  readonly clientId: string;
  readonly request: { readonly apiKey: number; readonly apiVersion: number; readonly encode: () => Promise<Encoded> };
}

/** A request is copied behind its head, and once more behind its length. */
function frameInOnePass(): void {
  replace<(framed: Framed) => Promise<Pick<Encoded, 'buffer'>>>('request', () => async ({ request, ...from }) => {
    const { buffer: body } = await request.encode();
    const clientId = Buffer.from(from.clientId);
    const head = Buffer.alloc(requestHeadBytes);
    head.writeInt32BE(requestHeadBytes - 4 + clientId.length + body.length, 0);
    head.writeInt16BE(request.apiKey, 4);
    head.writeInt16BE(request.apiVersion, 6);
    head.writeInt32BE(from.correlationId, 8);
    head.writeInt16BE(clientId.length, 12);
    return { buffer: Buffer.concat([head, clientId, body]) };
  });
}

interface OffsetsToCommit {
  readonly topics: readonly { readonly partitions: readonly { readonly metadata: string | null }[] }[];
}

interface Fetched {
  isEmptyIncludingFiltered(): boolean;
}

interface ConsumerGroup {
  readonly generationId: number;
  fetch: (this: ConsumerGroup, node: number) => Promise<readonly Fetched[]>;
  instrumentationEmitter: { emit(name: string, payload: object): void };
  joinAndSync: (this: ConsumerGroup) => Promise<void>;
  commitOffsets: (this: ConsumerGroup, offsets: OffsetsToCommit) => Promise<void>;
}

/**
 * A commit goes out under the generation that is current when it is sent, also one that was meant for the generation before and is tried again: it
 * would take a partition's offset back behind its new owner. GROUP_JOIN says its generation with this, and a commit whose metadata names another is refused.
 */
function fenceCommits(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  const { joinAndSync, commitOffsets } = prototype;
  prototype.joinAndSync = async function () {
    const emitter = this.instrumentationEmitter;
    this.instrumentationEmitter = {
      emit: (name, payload) => {
        emitter.emit(name, { ...payload, generationId: this.generationId });
      },
    };
    try {
      await joinAndSync.call(this);
    } finally {
      this.instrumentationEmitter = emitter;
    }
  };
  prototype.commitOffsets = async function (offsets) {
    for (const { metadata } of offsets.topics.flatMap(({ partitions }) => partitions)) {
      const meant = generationOf(metadata ?? '');
      if (meant === undefined || meant === this.generationId) continue;
      const what = `Generation ${meant} of the group is over, ${this.generationId} has begun`;
      throw Object.assign(new NornError('generation_over', what), { retriable: false });
    }
    await commitOffsets.call(this, offsets);
  };
}

/** The longest that a reader to whom nothing came lets the broker wait, ms: before it ends or joins again, it hears the answer. */
const idleWaitMs = 250;

/**
 * A reader that gathers has the broker wait for a batch, at most as long as a record may be late, and asks as often when nothing comes: nine idle
 * readers took a fifth of a core of the broker and an eighth of their own. After an answer without a record the next one alone is waited for.
 */
function waitWhenIdle(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  const { fetch } = prototype;
  const idle = new WeakMap<ConsumerGroup, Set<number>>();
  const patience: Readonly<Record<string | symbol, number>> = { minBytes: 1, maxWaitTime: idleWaitMs };
  const patient: ProxyHandler<ConsumerGroup> = {
    get: (group, key): unknown => patience[key] ?? Reflect.get(group, key),
  };
  prototype.fetch = async function (node) {
    const nodes = idle.get(this) ?? new Set();
    idle.set(this, nodes);
    const batches = await fetch.call(nodes.has(node) ? new Proxy(this, patient) : this, node);
    if (batches.every((batch) => batch.isEmptyIncludingFiltered())) nodes.add(node);
    else nodes.delete(node);
    return batches;
  };
}

useNativeChecksum();
produceInOnePass();
frameInOnePass();
mendIdleTimer();
fenceCommits();
waitWhenIdle();

export const {
  Kafka,
  Partitioners,
  logLevel,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} = require('kafkajs') as typeof KafkaJs;

/** Kafka's hash of a key, which its partitioner keeps to itself: 32 bits with a sign. */
export const murmur2 = require('kafkajs/src/producer/partitioners/default/murmur2') as (key: string) => number;
