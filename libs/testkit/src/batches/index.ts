// Batches for tests and load.
export { SeededRandom } from '@norn/base';
export { SimulatedHost, type SimulatedHostOptions } from './simulated-host.ts';
export { SimulatedRules } from './simulated-rules.ts';
