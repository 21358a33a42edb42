// Rows of `outcome_files`: what became of each file of a response.
import { toHex } from '@norn/base';
import { action } from '@norn/contracts';
import { NativeBlock } from '../native/block.ts';
import { low, text, time, u32, u64, uid } from './column-kinds.ts';

export function createOutcomeFilesBlock() {
  return new NativeBlock('outcome_files', {
    tenant_id: low(),
    host_id: low(),
    alert_id: text(),
    command_id: text(),
    path: text(),
    container_id: low(),
    verdict: low(),
    reason: text(),
    change: low(),
    size: u64(),
    sha256_before: text(),
    sha256_after: text(),
    mode: u32(),
    user_id: u32(),
    group_id: u32(),
    modified_at: time(),
    changed_at: time(),
    process_uid: uid(),
    finished_at: time(),
    quarantined_as: text(),
  });
}

export type OutcomeFilesBlock = ReturnType<typeof createOutcomeFilesBlock>;

export function pushOutcomeFile(block: OutcomeFilesBlock, outcome: action.Outcome, file: action.FileVerdict): void {
  const { columns } = block;
  columns.tenant_id.push(outcome.tenantId);
  columns.host_id.push(outcome.hostId);
  columns.alert_id.push(outcome.alertId);
  columns.command_id.push(outcome.commandId);
  columns.path.pushBytes(file.path);
  columns.container_id.push(file.containerId);
  columns.verdict.push(verdictNames[file.verdict]);
  columns.reason.push(file.reason);
  columns.change.push(file.change);
  columns.size.push(Number(file.size));
  columns.sha256_before.push(toHex(file.sha256Before));
  columns.sha256_after.push(toHex(file.sha256After));
  columns.mode.push(file.mode);
  columns.user_id.push(file.userId);
  columns.group_id.push(file.groupId);
  columns.modified_at.push(Number(file.modifiedAtUs));
  columns.changed_at.push(Number(file.changedAtUs));
  columns.process_uid.push(file.processUid);
  columns.finished_at.push(Number(outcome.finishedAtUs === 0n ? outcome.startedAtUs : outcome.finishedAtUs));
  columns.quarantined_as.push(file.quarantinedAs);
  block.rows += 1;
}

const verdictNames: Readonly<Record<action.Verdict, string>> = {
  [action.Verdict.UNSPECIFIED]: '',
  [action.Verdict.RESTORED]: 'restored',
  [action.Verdict.REMOVED]: 'removed',
  [action.Verdict.UNCHANGED]: 'unchanged',
  [action.Verdict.LOST]: 'lost',
  [action.Verdict.CONFLICT]: 'conflict',
};
