// For tests elsewhere: policies that are made up, and a reference of how hosts decide by them.
export * from './made-policies.ts';
export * from './reference-host.ts';
export { makeTestProofs, type TestProofs } from './proofs.ts';
