// The documents of rule files, by kind: detections, correlations of them, and filters that quieten them.
import { correlationRule, type CorrelationRule } from './correlation.ts';
import { readDocuments, type RuleDocument } from './document.ts';
import { applyFilters, filterRule, type Filter } from './filter.ts';
import { detectionRule, type Rule } from './rule.ts';

export interface RuleSet {
  /** Filters are in their conditions already. */
  readonly rules: readonly Rule[];
  readonly correlations: readonly CorrelationRule[];
}

export interface RuleFile {
  readonly name: string;
  readonly text: string;
}

/** Throws `rule_invalid` for the first document that is not right. */
export function readRules(files: readonly RuleFile[]): RuleSet {
  const documents = files.flatMap(({ name, text }) => readDocuments(name, text)).map(readDocument);
  const rules = documents.filter((document) => document.kind === 'detection');
  const filters = documents.filter((document) => document.kind === 'filter');
  return {
    rules: applyFilters(rules, filters),
    correlations: documents.filter((document) => document.kind === 'correlation'),
  };
}

export type AnyRule = Rule | CorrelationRule | Filter;

/** A document of a file, and its text by itself. */
export interface ReadRule {
  readonly rule: AnyRule;
  readonly text: string;
}

/** All documents of one file, whatever they are, each by itself. Throws `rule_invalid`. */
export function readEach({ name, text }: RuleFile): ReadRule[] {
  return readDocuments(name, text).map((document) => ({ rule: readDocument(document), text: document.text }));
}

function readDocument(document: RuleDocument): AnyRule {
  const keys = new Set(Object.keys(document.value ?? {}));
  if (keys.has('correlation')) return correlationRule(document);
  return keys.has('filter') ? filterRule(document) : detectionRule(document);
}
