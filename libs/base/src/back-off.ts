// How long to wait after a failure: longer after each.

export interface Wait {
  /** After the first failure. */
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Doubled for each failure that went before, at most `mostMs`. */
export function backOffMs(failuresBefore: number, { firstMs, mostMs }: Wait): number {
  return Math.min(mostMs, firstMs * 2 ** failuresBefore);
}
