// Which partition a key belongs to: murmur2 as Kafka's own producers have it (Utils.murmur2 in Apache Kafka), so any client agrees.

/** Keys remembered; the memory is emptied when full. */
const rememberedKeysMax = 100_000;
const remembered = new Map<string, number>();

/** 0 … partitions - 1. */
export function partitionOf(key: string, partitions: number): number {
  let hash = remembered.get(key);
  if (hash === undefined) {
    if (remembered.size >= rememberedKeysMax) remembered.clear();
    hash = murmur2(Buffer.from(key)) & 0x7fffffff;
    remembered.set(key, hash);
  }
  return hash % partitions;
}

function murmur2(data: Buffer): number {
  const m = 0x5bd1e995;
  const whole = data.length & ~3;
  let h = 0x9747b28c ^ data.length;
  for (let i = 0; i < whole; i += 4) {
    let k = Math.imul(data.readInt32LE(i), m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  for (let i = data.length - 1; i >= whole; i--) h ^= (data[i] ?? 0) << (8 * (i - whole));
  if (whole < data.length) h = Math.imul(h, m);
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
}
