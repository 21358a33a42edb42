// One sentence about a match: the rule's own words with the event's values in them.
import type { RuleBatch } from './batch.ts';
import { fieldOf } from './fields.ts';
import type { Rule } from './rule.ts';

const VALUE_MAX = 160;

/** `{process}` and `{parent}` are the images' names, `{Field}` the field's first text. */
export function summarise(rule: Rule, batch: RuleBatch, row: number): string {
  const template = rule.summary ?? `{process}: ${rule.title.charAt(0).toLowerCase()}${rule.title.slice(1)}`;
  return template.replace(/\{(\w+)\}/g, (_, name: string) => valueOf(rule, name, batch, row));
}

function valueOf(rule: Rule, name: string, batch: RuleBatch, row: number): string {
  if (name === 'process') return baseName(fieldText(rule, 'Image', batch, row)) || 'a process';
  if (name === 'parent') return baseName(fieldText(rule, 'ParentImage', batch, row)) || 'an unknown process';
  const text = fieldText(rule, name, batch, row);
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text;
}

function fieldText(rule: Rule, name: string, batch: RuleBatch, row: number): string {
  const field = fieldOf(rule.logsource.category, name);
  return field?.texts(batch, field.entry(batch, row))[0] ?? '';
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
