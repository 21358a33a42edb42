// Whose a record is: its key says so, and some bodies say it again. A reader may go by either, so a record in which they differ is for nobody.
//
// Commands are not here: the host that a command is sent to reads in its body whom it is for, refuses what is not for itself, and says so.
import { fromBinary } from '@bufbuild/protobuf';
import { action, finding, occurrence, policy } from '@norn/contracts';
import type { TopicName } from '../flow.ts';
import { type BusRecord, type RecordOwner, findOwner } from '../record.ts';

type IsOwn = (key: string, body: Uint8Array) => boolean;

const owners: Readonly<Partial<Record<TopicName, IsOwn>>> = {
  occurrences: (key, body) => {
    const { what } = fromBinary(occurrence.TenantRecordSchema, body);
    const about = what.case === 'occurrence' ? what.value.about : undefined;
    return about === undefined || about.tenantId === key;
  },
  findings: (key, body) => isOfHost(key, fromBinary(finding.FindingSchema, body)),
  alerts: (key, body) => {
    const alert = fromBinary(finding.AlertSchema, body);
    // What is counted over all hosts of a tenant stands with one of them.
    return isOfHost(key, alert) && alert.findings.every(({ tenantId }) => tenantId === alert.tenantId);
  },
  policies: (key, body) => {
    const signed = fromBinary(policy.SignedPolicySchema, body);
    return fromBinary(policy.HostPolicySchema, signed.policy).tenantId === key;
  },
  outcomes: (key, body) => isOfHost(key, fromBinary(action.OutcomeSchema, body)),
};

/** Whether the body names another tenant than the key, or another host. What does not parse names nobody: whoever reads it refuses it. */
export function namesAnother({ topic, key, value }: Pick<BusRecord, 'topic' | 'key' | 'value'>): boolean {
  try {
    return owners[topic]?.(key, value) === false;
  } catch {
    return false;
  }
}

/** By each part: `a:b` with `c` is not `a` with `b:c`, though the key is the same. */
function isOfHost(key: string, { tenantId, hostId }: RecordOwner): boolean {
  const owner = findOwner(key);
  return owner?.tenantId === tenantId && owner.hostId === hostId;
}
