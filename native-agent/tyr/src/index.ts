// Tyr keeps baldur healthy, gives it commands and policy, takes its telemetry to the installation. Runs as a process: main.ts.
export { type TyrConfig, loadTyrConfig } from './tyr.config.ts';
export { Tyr } from './tyr.ts';
export { type BaldurHandlers, BaldurLink } from './baldur/baldur-link.ts';
