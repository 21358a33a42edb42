// Attacks that tests and a developer's eyes look at.
export { seedConflicts } from './conflicts.ts';
export { seedForkTree } from './fork-tree.ts';
export { seedHost, seedTenant } from './hosts.ts';
export { seedRansomware } from './ransomware.ts';
export { seedReverseShell } from './reverse-shell.ts';
export { webContainer } from './web-container.ts';
export { seedWiper } from './wiper.ts';
