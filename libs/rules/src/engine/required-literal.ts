// What a text must contain for a regular expression to match it: the longest plain run that no branch can go around.
import { foldCase } from './fold.ts';

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']' };

/** Folded; empty when there is none. Errs on the side of "none". */
export function requiredLiteral(source: string): string {
  if (/^\(\?|\\Q/.test(source)) return '';
  const runs: string[] = [];
  let run = '';
  const end = (): void => {
    runs.push(run);
    run = '';
  };
  for (let at = 0; at < source.length; at += 1) {
    const character = source.charAt(at);
    if (character === '|') return '';
    if (/[*?{]/.test(character)) {
      // What stands before may be absent.
      run = run.slice(0, -1);
      end();
      if (character === '{') at = Math.max(at, source.indexOf('}', at));
    } else if (character === '+') end();
    else if (character === '(' || character === '[') {
      end();
      at = closing(source, at);
    } else if (character === '\\') {
      const [named = ''] = /^\\(?:[xpP]\{[^}]*\}|x[0-9a-fA-F]{2}|[pP].|[0-9]+|[a-zA-Z])/.exec(source.slice(at)) ?? [];
      if (named === '') run += source.charAt((at += 1));
      else {
        end();
        at += named.length - 1;
      }
    } else if (/[.^$)\]]/.test(character)) end();
    else run += character;
  }
  end();
  const longest = runs.reduce((found, each) => (each.length > found.length ? each : found), '');
  return foldCase(longest);
}

/** Where the group or class that opens at `from` is closed, or the end of the text. */
function closing(source: string, from: number): number {
  const open = source.charAt(from);
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const character = source.charAt(at);
    if (character === '\\') at += 1;
    else if (open === '(' && character === '[') at = closing(source, at);
    else if (character === open && open === '(') depth += 1;
    else if (character === CLOSING[open]) {
      // A bracket right after the opening one is a member of the class.
      if (open === '[' && /^\[\^?$/.test(source.slice(from, at))) continue;
      depth -= 1;
      if (depth <= 0) return at;
    }
  }
  return source.length;
}
