// Names of hosts and of their groups, as policies write them: `*` for any characters, without regard to case.

export type NameTest = (names: readonly string[]) => boolean;

/** Whether any of the names is like any of the patterns. */
export function nameTest(patterns: readonly string[]): NameTest {
  const tests = patterns.map((pattern) => pattern.toLowerCase().split('*'));
  return (names) => names.some((name) => tests.some((pieces) => isLike(name.toLowerCase(), pieces)));
}

/** Whether the pieces stand in the text in their order, the first at its start and the last at its end. */
function isLike(text: string, pieces: readonly string[]): boolean {
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
