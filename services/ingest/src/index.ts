// The stage that hosts talk to: ends mTLS, bounds and meters, produces to Kafka, acks when Kafka has it, carries commands down.
export { ingest } from './ingest.module.ts';
