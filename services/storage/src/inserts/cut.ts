// A cut: the records of one partition whose rows are one insert. Its name says which, and names the insert: the same cut again stores nothing twice.

export interface OffsetSpan {
  readonly first: number;
  readonly last: number;
}

/** Spans of a plan: it must fit beside a committed offset, and a span has at most 33 characters. */
export const spansMax = 90;

/** Ascending offsets as spans without holes. */
export function spansOf(offsets: readonly number[]): OffsetSpan[] {
  const spans: { first: number; last: number }[] = [];
  for (const offset of offsets) {
    const span = spans.at(-1);
    if (span?.last === offset - 1) span.last = offset;
    else spans.push({ first: offset, last: offset });
  }
  return spans;
}

/** `10-14,17-17` */
export function cutText(spans: readonly OffsetSpan[]): string {
  return spans.map(({ first, last }) => `${first}-${last}`).join(',');
}

/** Several cuts, in the order in which they are stored: `10-14,17-17;18-20`. */
export function planText(cuts: readonly (readonly OffsetSpan[])[]): string {
  return cuts.map(cutText).join(';');
}

/** Empty for an empty text. */
export function parsePlan(text: string): OffsetSpan[][] {
  if (text === '') return [];
  return text.split(';').map((cut) =>
    cut.split(',').map((span) => {
      const [first = NaN, last = NaN] = span.split('-').map(Number);
      if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last))
        throw new Error(`"${span}" is no span of offsets`);
      return { first, last };
    }),
  );
}

export function isIn(spans: readonly OffsetSpan[], offset: number): boolean {
  return spans.some(({ first, last }) => offset >= first && offset <= last);
}
