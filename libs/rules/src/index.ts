// Detection rules as data, compiled for columnar batches. Knows nothing of Kafka, of databases and of the clock.
export type { RuleBatch } from './batch.ts';
export { RuleEngine, MATCHES_MAX, type MatchEvidence, type RuleMatch, type RuleResult } from './engine.ts';
export { categories, levels, parseRule, type Category, type Level, type Rule, type TestEvent } from './rule.ts';
export { buildRuleBatch } from './testing/build-batch.ts';
