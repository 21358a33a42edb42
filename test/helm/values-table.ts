// The table of a chart's values, as its README has it: path, default, and what the comment above it says.
import { readFileSync } from 'node:fs';
import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';

const mark = ' -- ';
const defaultCharsMax = 120;

/** One line of Markdown for each value that has a comment "# -- …" above it, and for each that has no values below it. */
export function valuesTable(file: string): string[] {
  const document = parseDocument(readFileSync(file, 'utf8'));
  return isMap(document.contents) ? rows(document.contents, '') : [];
}

function rows(map: YAMLMap, above: string): string[] {
  return map.items.flatMap((pair, index) => {
    const path = `${above}${String(isScalar(pair.key) ? pair.key.value : pair.key)}`;
    const said = commentOf(pair, index === 0 ? map.commentBefore : undefined);
    const isOpen = isMap(pair.value) && pair.value.flow !== true;
    const own = said === '' && isOpen ? [] : [row(path, said, pair.value)];
    return [...own, ...(isOpen ? rows(pair.value as YAMLMap, `${path}.`) : [])];
  });
}

function commentOf(pair: Pair, first: string | null | undefined): string {
  const before = first ?? (isScalar(pair.key) ? pair.key.commentBefore : undefined) ?? '';
  const line = before.split('\n').findLast((one) => one.startsWith(mark));
  return line?.slice(mark.length).replaceAll('|', '\\|') ?? '';
}

function row(path: string, said: string, value: unknown): string {
  const json = isMap(value) && value.flow !== true ? '' : JSON.stringify(value);
  const shown = json.length > defaultCharsMax ? 'see values.yaml' : json === '' ? '' : `\`${json}\``;
  return `| \`${path}\` | ${shown} | ${said} |`;
}
