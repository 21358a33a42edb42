// Characters that nobody sees in what an imported rule says of itself. They are looked for when it is taken in: rules that are there already
// are read as they are.
import { type AnyRule, type RuleFile, ruleError } from '@norn/rules';

/** Control characters beside tabs and ends of lines. */
const control = /[^\P{Cc}\t\n\r]/u;

/** PostgreSQL keeps none. Throws `rule_invalid` with the line. */
export function refuseNulOf({ name, text }: RuleFile): void {
  if (name.includes('\0')) {
    throw ruleError({ file: name, line: 1, construct: 'the name' }, `${called(0)}, which no file has in its name`);
  }
  const at = text.indexOf('\0');
  if (at === -1) return;
  const line = text.slice(0, at).split('\n').length;
  throw ruleError({ file: name, line, construct: 'the file' }, `${called(0)}: take it out, or write "\\0" for it`);
}

/** What alerts and lists show of the rule. Values of its selections may hold what they like. Throws `rule_invalid`. */
export function refuseUnseen(rule: AnyRule): void {
  const { title, author } = rule;
  const name = rule.kind === 'filter' ? undefined : rule.name;
  const summary = rule.kind === 'detection' ? rule.summary : undefined;
  for (const [key, text = ''] of Object.entries({ title, id: rule.id, author, name, summary })) {
    const found = control.exec(text)?.[0].codePointAt(0);
    if (found === undefined) continue;
    throw ruleError({ file: rule.file, line: 1, construct: key }, `${called(found)}: take it out`);
  }
}

function called(code: number): string {
  return `holds the control character U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
