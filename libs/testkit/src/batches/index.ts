// Batches for tests and load.
export { SeededRandom } from './random.ts';
export { SimulatedHost, type SimulatedHostOptions } from './simulated-host.ts';
