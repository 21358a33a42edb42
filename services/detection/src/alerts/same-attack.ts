// When findings of one lineage are one attack: until the agent has stopped it. On a host a lineage may be somebody's whole session.
import { toHex } from '@norn/base';
import { finding } from '@norn/contracts';
import { isDenied } from '@norn/response';
import { limits } from '../limits.ts';

/** Same origin; and after a stop, only what the same parent started again: a stopped program that comes back is not a new attack. */
export function isOfLineage(alert: finding.Alert, each: finding.Finding): boolean {
  if (toHex(alert.lineageUid) !== toHex(each.lineageUid)) return false;
  return !isAfterStop(alert, each) || sharesParent(alert, each);
}

/** What somebody does to Norn is an alert of its own: in one of an attack that was stopped and undone nobody would look for it. */
export function isAboutAgent(each: finding.Finding | undefined): boolean {
  return each?.ruleId.startsWith('norn.agent_') ?? false;
}

function isAfterStop(alert: finding.Alert, each: finding.Finding): boolean {
  const reflexes = alert.findings.filter((known) => known.source === finding.FindingSource.REFLEX);
  if (reflexes.length === 0 || !reflexes.every(wasStopped)) return false;
  const stoppedUs = reflexes.map(stopTimeUs).reduce((last, time) => (time > last ? time : last));
  return firstActUs(each) > stoppedUs + BigInt(limits.settleMs) * 1000n;
}

/** Who was denied something lives on. */
function wasStopped(each: finding.Finding): boolean {
  const rung = each.response?.rung ?? finding.ResponseRung.UNSPECIFIED;
  return rung >= finding.ResponseRung.KILLED && !isDenied(each);
}

function stopTimeUs({ response, timeUs }: finding.Finding): bigint {
  return response && response.stoppedUs > timeUs ? response.stoppedUs : timeUs;
}

function firstActUs({ response, timeUs }: finding.Finding): bigint {
  return response && response.firstActUs > 0n ? response.firstActUs : timeUs;
}

function sharesParent(alert: finding.Alert, each: finding.Finding): boolean {
  const parent = toHex(each.parentUid);
  return parent !== '' && alert.findings.some((known) => toHex(known.parentUid) === parent);
}
