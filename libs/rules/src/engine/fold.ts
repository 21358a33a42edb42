// One rule for what is compared without regard to case: by the engine, its index, and a hunt's SQL alike.

/** Letters that have two forms in lower case, and the one that stands for both. Source: CaseFolding.txt of Unicode, status C. */
export const twinLetters: readonly (readonly [string, string])[] = [
  ['ς', 'σ'],
  ['ſ', 's'],
];

/** Lower case, and one letter where lower case has two forms of it: what a capital becomes must not depend on its neighbours. */
export function foldCase(text: string): string {
  let folded = text.toLowerCase();
  // In a text of one-byte characters the search ends before it begins.
  for (const [form, letter] of twinLetters) if (folded.includes(form)) folded = folded.replaceAll(form, letter);
  return folded;
}

/** A text with its folded form at hand, so that many tests fold it once. */
export interface FieldText {
  readonly raw: string;
  readonly folded: string;
}

export function fold(raw: string): FieldText {
  return { raw, folded: foldCase(raw) };
}
