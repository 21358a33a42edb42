// What came from elsewhere (titles, host names, paths, command lines) must not steer the terminal that shows it, nor turn its letters around:
// characters that are not seen are written as their numbers. U+007F and above are written as JSON writes them, so JSON stays the same data.

/** Control characters, marks of direction and others without a glyph, separators of lines, halves of a character. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** The same without what ends a line, and tabs. */
const unseenInText = /(?!\r?\n|\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const wellKnown: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Of one line or one cell of a table: a line's end in it is written `\n`. */
export function visibleLine(text: string): string {
  return text.replace(unseen, written);
}

/** Of many lines. What is visible already stays as it is. */
export function visibleText(text: string): string {
  return text.replace(unseenInText, written);
}

/** `\x1b`, `\u202e`; two `\u` beyond U+FFFF. */
function written(character: string): string {
  const known = wellKnown[character];
  if (known !== undefined) return known;
  if (character < '\u007f') return `\\x${hex(character, 2)}`;
  return character
    .split('')
    .map((unit) => `\\u${hex(unit, 4)}`)
    .join('');
}

function hex(unit: string, digits: number): string {
  return unit.charCodeAt(0).toString(16).padStart(digits, '0');
}
