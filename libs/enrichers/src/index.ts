// What is added to a batch from what agents told about their hosts. Pure.
export { enrichBatch } from './enrich-batch.ts';
export { type HostDirectory, directoryOf, endedContainersMax } from './host-directory.ts';
