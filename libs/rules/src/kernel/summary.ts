// One sentence about a match: the rule's own words with the event's values in them.
import type { RuleBatch } from './batch.ts';
import type { Rule } from '../sigma/rule.ts';
import { kernelLayout } from './layout.ts';

const VALUE_MAX = 160;

/** The first text of a field where the rule looks; undefined when the event has none. */
export function fieldOfRow(rule: Rule, name: string, batch: RuleBatch, row: number): string | undefined {
  return fieldText(rule, name, batch, row) || undefined;
}

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
  const [field] = kernelLayout.streamOf(rule.logsource)?.fields(name) ?? [];
  return field?.texts(batch, field.entry(batch, row))[0] ?? '';
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
