// Process lineage: each host's tree and what it says of every process in a batch. Pure: no clock, no broker.
export { LineageDescriber } from './describe-lineage.ts';
export { HostState, readSnapshot, writeSnapshot } from './host-state.ts';
export { HostTree, type NodeFacts, commandLineBytesMax, nodesMax } from './host-tree.ts';
export { isSessionManager } from './session-managers.ts';
export { StreamMarks, streamsMax } from './stream-marks.ts';
