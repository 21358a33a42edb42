// The bus between stages: Kafka behind a small port, and the flow as data.
export { type Right, busIdentities, ensureAccess, rightsOf } from './access.ts';
export { BatchServer, type GroupOptions } from './batch-server.ts';
export { type BusConfig, type StageBusConfig, type TopicConfig, recordBytesMax } from './config.ts';
export {
  type BatchHandler,
  type BusConsumer,
  type ConsumerOptions,
  type Deferred,
  type PartitionPreparer,
  createConsumer,
} from './consumer.ts';
export { DeadLetters, deadLetterOf, isReplayed, markReplayed } from './dead-letters.ts';
export {
  type Choice,
  type DeadLetter,
  type DeadLetterState,
  type Settled,
  DeadLetterBox,
  ReplayProducer,
} from './dead-letter-box.ts';
export { ErrorsAsThrown } from './errors-as-thrown.filter.ts';
export * from './flow.ts';
export { type Follower, followTopic, readRange } from './follow.ts';
export type { Claim, Plan } from './holding.ts';
export { planBytesMax } from './mark.ts';
export { createKafka } from './kafka-client.ts';
export { partitionOf } from './partition.ts';
export { type BusProducer, type ProducerOptions, createProducer } from './producer.ts';
export { type BusRecord, type OutRecord, type RecordBatch, recordKey } from './record.ts';
export { recallEach } from './recall.ts';
export { RecordSpans, headersAfter, withRecordSpan } from './record-spans.ts';
export {
  type Following,
  type Outputs,
  createProduce,
  createStageHandler,
  following,
  toDeadLetters,
} from './stage-handler.ts';
export {
  type CommittedMark,
  type OffsetRange,
  assertBrokerAnswers,
  committedMarks,
  committedOffsets,
  ensureTopics,
  offsetAt,
  offsetRanges,
} from './topics.ts';
