// The bus between stages: Kafka behind a small port, and the flow as data.
export { type Right, busIdentities, ensureAccess, rightsOf } from './kafka/access.ts';
export { BatchServer, type GroupOptions } from './consume/batch-server.ts';
export { type BusConfig, type StageBusConfig, type TopicConfig, recordBytesMax } from './config.ts';
export {
  type BatchHandler,
  type BusConsumer,
  type ConsumerOptions,
  type Deferred,
  type PartitionPreparer,
  createConsumer,
} from './consume/consumer.ts';
export { DeadLetters, deadLetterOf, isReplayed, markReplayed } from './produce/dead-letters.ts';
export { type Choice, DeadLetterBox } from './dead-letters/dead-letter-box.ts';
export { type Settled, DeadLetterDeeds } from './dead-letters/dead-letter-deeds.ts';
export type { FalseNotes } from './dead-letters/false-notes.ts';
export type { DeadLetter, DeadLetterState } from './dead-letters/letter.ts';
export { ReplayProducer } from './dead-letters/replay-producer.ts';
export { ErrorsAsThrown } from './consume/errors-as-thrown.filter.ts';
export * from './flow.ts';
export { type Follower, followTopic, readRange } from './consume/follow.ts';
export type { Claim, Plan } from './consume/holding.ts';
export { planBytesMax } from './kafka/mark.ts';
export { createKafka } from './kafka/kafka-client.ts';
export { partitionOf } from './kafka/partition.ts';
export { type BusProducer, type ProducerOptions, createProducer } from './produce/producer.ts';
export {
  type BusRecord,
  type OutRecord,
  type RecordBatch,
  type RecordOwner,
  findOwner,
  ownerOf,
  recordKey,
} from './record.ts';
export { recallEach } from './consume/recall.ts';
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
} from './kafka/topics.ts';
