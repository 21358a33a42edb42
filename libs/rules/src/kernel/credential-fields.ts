// Who logged in for a process to be there, from where, and what it may do: as at its last fork or exec. And the package of its program.
import { capabilitySets, event, nobodyId } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';
import { at, imageOf, means, ofProcess, ofRow, ofText, processOf, type FieldRow } from './field-row.ts';
import { capabilityTexts } from './file-attributes.ts';

const EXEC: number = event.EventKind.EXEC;

/** Names of the fields, in the order of `capabilitySets`. */
export const capabilityFields = capabilitySets.map(
  (set) => `${set[0]?.toUpperCase() ?? ''}${set.slice(1)}Capabilities`,
);

export function capabilitySet(batch: RuleBatch, process: number, set: number): bigint {
  return batch.processCapabilities[process * capabilitySets.length + set] ?? 0n;
}

/** Nobody's number is none. */
const idTexts = (id: number): string[] => (id === nobodyId ? [] : [String(id)]);

const terminalOf = (batch: RuleBatch, row: number): number => at(batch.processTerminal, processOf(batch, row));

export const credentialFields: readonly FieldRow[] = [
  ofText('Terminal', means('process.session.terminal', 'EventColumns.terminal'), terminalOf),
  ofProcess('LoginUserId', means('process.auid', 'EventColumns.login_user_id'), (batch, process) =>
    idTexts(at(batch.processLoginUserId, process)),
  ),
  ofProcess('TerminalSessionId', means('process.session.uid', 'EventColumns.session_id'), (batch, process) =>
    idTexts(at(batch.processSessionId, process)),
  ),
  // Sysmon for Linux writes the user's number there, of daemons' children, too: rules ask for 0.
  ofProcess('LogonId', means('process.user.uid', 'EventColumns.user_id', 'process.real_user.id'), (batch, process) => [
    String(at(batch.processUserId, process)),
  ]),
  ...capabilityFields.map((name, set) =>
    ofProcess(
      name,
      means(`unmapped.${capabilitySets[set] ?? ''}_capabilities`, 'EventColumns.capabilities'),
      (batch, process) => capabilityTexts(capabilitySet(batch, process, set)),
    ),
  ),
];

export const packageFields: readonly FieldRow[] = [
  ofText('Package', means('process.file.product.name', 'EventColumns.image_package'), (batch, row) =>
    at(batch.imagePackage, imageOf(batch, row)),
  ),
  ofText('PackageVersion', means('process.file.product.version', 'EventColumns.image_package_version'), (batch, row) =>
    at(batch.imagePackageVersion, imageOf(batch, row)),
  ),
];

/** What an exec permits and was not permitted before. */
export const gainedCapabilities = ofRow(
  'GainedCapabilities',
  means('unmapped.gained_capabilities', 'EventColumns.value'),
  (batch, row) => (at(batch.kind, row) === EXEC ? capabilityTexts(batch.value[row] ?? 0n) : []),
);

/** As auditd writes a number that may be nobody's: the number, and what its tools make of it. */
const auditIdTexts = (id: number): string[] => (id === nobodyId ? [String(id), 'unset'] : [String(id)]);
export const NO_TERMINAL = '(none)';

/** auditd's names of the same. */
export const auditCredentialFields: readonly FieldRow[] = [
  ofProcess('auid', means('process.auid', 'EventColumns.login_user_id'), (batch, process) =>
    auditIdTexts(at(batch.processLoginUserId, process)),
  ),
  ofProcess('ses', means('process.session.uid', 'EventColumns.session_id'), (batch, process) =>
    auditIdTexts(at(batch.processSessionId, process)),
  ),
  ofProcess('tty', means('process.session.terminal', 'EventColumns.terminal'), (batch, process) => [
    batch.text(at(batch.processTerminal, process)) || NO_TERMINAL,
  ]),
];
