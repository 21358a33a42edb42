// Marks the findings that an exception of the tenant covers. By event time: what was excepted stays so when it is judged again.
import { type Outcome, ok } from '@norn/pipeline';
import type { finding } from '@norn/contracts';
import type { RuleExceptions } from '../ports/rule-exceptions.port.ts';

interface Found {
  readonly tenantId: string;
  readonly findings: readonly finding.Finding[];
}

export function createExceptFindings(
  exceptions: RuleExceptions,
): <Envelope extends Found>(envelope: Envelope) => Outcome<Envelope> {
  return function exceptFindings(envelope) {
    const set = exceptions.of(envelope.tenantId);
    if (!set || envelope.findings.length === 0) return ok(envelope);
    const findings = envelope.findings.map((each) => {
      const hostGroups = exceptions.groupsOf(envelope.tenantId, each.hostId);
      const exception = set.covering({ ...each, hostGroups });
      return exception ? { ...each, exceptedBy: exception.id } : each;
    });
    return ok({ ...envelope, findings });
  };
}
