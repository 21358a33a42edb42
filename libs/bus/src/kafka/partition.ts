// Which partition a key belongs to: by murmur2, as Kafka's own producers have it, so any client agrees.
import { murmur2 } from './kafkajs.ts';

/** Keys remembered, for the hash of one takes 3 µs; the memory is emptied when full. */
const rememberedKeysMax = 100_000;
const remembered = new Map<string, number>();

/** 0 … partitions - 1. */
export function partitionOf(key: string, partitions: number): number {
  let hash = remembered.get(key);
  if (hash === undefined) {
    if (remembered.size >= rememberedKeysMax) remembered.clear();
    hash = murmur2(key) & 0x7fffffff;
    remembered.set(key, hash);
  }
  return hash % partitions;
}
