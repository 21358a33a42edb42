// The stage that answers: policy and alert become signed commands, outcomes become states, everything leaves a trace.
export { remediation } from './remediation.module.ts';
