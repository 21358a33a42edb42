// kafkajs 2.2.4, its last release, with three faults mended while it is loaded: each function says what is wrong, and why it matters. But for its types,
// nothing else here imports kafkajs, so another client can take its place.
import { createRequire } from 'node:module';
import { crc32c } from '@node-rs/crc32';
import { NornError } from '@norn/base';
import type * as KafkaJs from 'kafkajs';
import { generationOf } from './mark.ts';

const require = createRequire(import.meta.url);

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

/** The checksum of record batches is computed in JavaScript, byte by byte; the native one is 20 times faster. Must run before kafkajs is loaded. */
function useNativeChecksum(): void {
  const path = require.resolve('kafkajs/src/protocol/recordBatch/crc32C');
  require(path);
  const module = require.cache[path];
  if (module !== undefined) module.exports = (buffer: Buffer) => crc32c(buffer);
}

interface OffsetsToCommit {
  readonly topics: readonly { readonly partitions: readonly { readonly metadata: string | null }[] }[];
}

interface ConsumerGroup {
  readonly generationId: number;
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

useNativeChecksum();
mendIdleTimer();
fenceCommits();

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
