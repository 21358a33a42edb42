// Tyr keeps baldur healthy, gives it commands and policy, takes its telemetry to the installation. Runs as a process: main.ts.
export { type TyrConfig, loadTyrConfig } from './tyr.config.ts';
export { readHostReport, type ToldReport } from './facts/host-report.ts';
export { IdentityFile, type Identity } from './identity/identity-file.ts';
export { enrolThisMachine } from './identity/identity-keeper.ts';
export { MaintenanceLock } from './maintenance-lock.ts';
export { Tyr } from './tyr.ts';
export { type BaldurHandlers, BaldurLink } from './baldur/baldur-link.ts';
