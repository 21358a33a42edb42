// Percentiles by nearest rank: always a value that was measured.

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** NaN when there is nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentiles(values: readonly number[]): Percentiles {
  return { p50: median(values), p99: percentile(values, 0.99), max: percentile(values, 1) };
}
