// Sigma's wildcards `*` and `?` in a text, and the fastest test for what is left of them.

/** Literal runs with the wildcards `*` and `?` between them. */
export type Segment = string | typeof ANY | typeof ONE;
export const ANY: unique symbol = Symbol('*');
export const ONE: unique symbol = Symbol('?');

/** A backslash takes away the meaning of `*`, `?` and of another backslash before these; elsewhere it is itself. */
export function splitWildcards(value: string): Segment[] {
  const segments: Segment[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') segments.push(literal);
    literal = '';
  };
  for (let at = 0; at < value.length; at += 1) {
    const character = value.charAt(at);
    if (character === '\\' && /[*?\\]/.test(value.charAt(at + 1))) literal += value.charAt((at += 1));
    else if (character === '*' || character === '?') {
      flush();
      segments.push(character === '*' ? ANY : ONE);
    } else literal += character;
  }
  flush();
  return segments;
}

export function hasWildcards(value: string): boolean {
  return splitWildcards(value).some((segment) => typeof segment !== 'string');
}

export function escapeWildcards(text: string): string {
  return text.replace(/[*?\\]/g, '\\$&');
}

export function unescapeWildcards(value: string): string {
  return splitWildcards(value)
    .map((segment) => (typeof segment === 'string' ? segment : ''))
    .join('');
}

/** With `*` where the text may go on, each once. */
export function anchored(segments: readonly Segment[], open: { start: boolean; end: boolean }): Segment[] {
  const any: readonly Segment[] = [ANY];
  const all: Segment[] = [...(open.start ? any : []), ...segments, ...(open.end ? any : [])];
  return all.filter((segment, at) => segment !== ANY || all[at - 1] !== ANY);
}

export function segmentTest(segments: readonly Segment[]): (text: string) => boolean {
  const [first, second, third] = segments;
  if (segments.length === 0) return (text) => text === '';
  if (segments.length === 1) return typeof first === 'string' ? (text) => text === first : general(segments);
  if (segments.length === 2 && first === ANY && typeof second === 'string') return (text) => text.endsWith(second);
  if (segments.length === 2 && second === ANY && typeof first === 'string') return (text) => text.startsWith(first);
  if (segments.length === 3 && first === ANY && typeof second === 'string' && third === ANY)
    return (text) => text.includes(second);
  return general(segments);
}

/** Wildcard match that backs up to the last `*` only: at most length × segments steps. */
function general(segments: readonly Segment[]): (text: string) => boolean {
  return (text) => {
    let [at, segment, starAt, starSegment] = [0, 0, -1, -1];
    for (;;) {
      const expected = segments[segment];
      if (expected === ANY) [starAt, starSegment, segment] = [at, segment, segment + 1];
      else if (expected === undefined && at === text.length) return true;
      else if (expected === ONE && at < text.length) [at, segment] = [at + widthAt(text, at), segment + 1];
      else if (typeof expected === 'string' && text.startsWith(expected, at))
        [at, segment] = [at + expected.length, segment + 1];
      else if (starSegment >= 0 && starAt < text.length) [at, segment] = [(starAt += 1), starSegment + 1];
      else return false;
    }
  };
}

/** `?` stands for one character, also for one that UTF-16 has in two parts. */
function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
