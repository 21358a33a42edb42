// The arithmetic of the cost part: the best of the rounds, bare and with the agent, as ratios. What disturbs only ever adds.

export interface CostFigures {
  readonly name: string;
  readonly unit: 'ns' | 'ms' | 'bytes';
  readonly bare: number;
  readonly watched: number;
  readonly added: number;
  readonly ratio: number;
}

/** Of the whole part. */
export interface CostReport {
  readonly cost: readonly CostFigures[];
}

/** What was measured of one workload, one value a round. */
export interface CostSamples {
  readonly bare: readonly number[];
  readonly watched: readonly number[];
}

export function costFigures(name: string, unit: CostFigures['unit'], samples: CostSamples): CostFigures {
  const [bare, watched] = [best(samples.bare), best(samples.watched)];
  return { name, unit, bare, watched, added: watched - bare, ratio: Math.round((watched / bare) * 100) / 100 };
}

/** NaN when there is nothing. */
function best(values: readonly number[]): number {
  return values.length === 0 ? NaN : Math.min(...values);
}
