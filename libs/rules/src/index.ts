// Detection rules as data, compiled for columnar batches. Knows nothing of Kafka, of databases and of the clock.
export { attackSteps } from './attack/steps.ts';
export { attackTactics, attackTechniqueName, attackTechniques, attackVersion, tacticsOf } from './attack/attack.ts';
export { Engine, MATCHES_MAX, type EngineOptions, type MatchEvidence, type RuleResult } from './engine/engine.ts';
export type { Clock, RuleCost } from './engine/costs.ts';
export type { RuleBatch } from './kernel/batch.ts';
export { buildRuleBatch } from './kernel/build-batch.ts';
export type { BlindCause, Lack } from './kernel/blind-reasons.ts';
export { blindSpots, coverageOf, type BlindSpot, type RuleCoverage } from './kernel/coverage.ts';
export { categories, type Category } from './kernel/routes.ts';
export { fieldOfRow } from './kernel/summary.ts';
export { toRuleBatch } from './kernel/rule-batch.ts';
export { questionOf, type Question, type TextTest } from './kernel/question.ts';
export { RuleEngine, type EventMatch as RuleMatch } from './kernel/rule-engine.ts';
export { RecordBatch, recordLayout, type EventRecord } from './records/record-batch.ts';
export {
  fieldMap,
  levels,
  parseRule,
  testEvent,
  type Detection,
  type FieldMap,
  type Level,
  type Rule,
  type Selection,
  type TestEvent,
} from './sigma/rule.ts';
export { readDocuments, ruleError, type Path, type Place, type RuleDocument } from './sigma/document.ts';
export { readEach, readRules, type AnyRule, type ReadRule, type RuleFile, type RuleSet } from './sigma/rule-set.ts';
export { refuseMissing, type Filter } from './sigma/filter.ts';
export {
  asRule,
  broughtParts,
  readBrought,
  type BroughtParts,
  type BroughtState,
  type BroughtText,
} from './sigma/brought-set.ts';
export { isPartOf, isPartOnly } from './correlation/parts.ts';
export { CorrelationSet, scopeOf, type CorrelationScope } from './correlation/correlation-set.ts';
export {
  Correlator,
  type CorrelationMatch,
  type CorrelatorCounters,
  type CorrelatorOptions,
  type Occurrence,
} from './correlation/correlator.ts';
export { compileHunt, type Hunt, type HuntOptions } from './hunt/compile-hunt.ts';
export { CorrelationHunt, type PastEvent, type PastMatch } from './hunt/correlation-hunt.ts';
export type { ColumnLayout } from './hunt/column.ts';
export { processTable } from './hunt/facts.ts';
export { kernelColumns } from './hunt/kernel-columns.ts';
export { recordColumns, recordColumnType, recordRow } from './hunt/record-columns.ts';
export { capabilityTexts } from './kernel/file-attributes.ts';
export { storedEvent, type StoredEvent, type StoredProcess } from './hunt/stored-event.ts';
export type { CorrelationRule } from './sigma/correlation.ts';
export {
  ExceptionSet,
  covers,
  isWithin,
  type Exception,
  type ExceptionScope,
  type FindingFacts,
} from './exceptions/exception.ts';
export {
  checkScope,
  exceptionDraft,
  exceptionLimits,
  exceptionText,
  expiryOf,
  parseException,
  triedException,
  type ExceptionDraft,
} from './exceptions/draft.ts';
export { proposeException } from './exceptions/propose.ts';
