// Marks the findings that an exception of the tenant covers. By event time: what was excepted stays so when it is judged again.
import { type Outcome, ok } from '@norn/pipeline';
import type { RuleExceptions } from '../ports/rule-exceptions.port.ts';
import type { BatchFindings } from './envelope.ts';

export function createExceptFindings(exceptions: RuleExceptions): (envelope: BatchFindings) => Outcome<BatchFindings> {
  return function exceptFindings(envelope) {
    const set = exceptions.of(envelope.tenantId);
    if (!set || envelope.findings.length === 0) return ok(envelope);
    const findings = envelope.findings.map((each) => {
      const exception = set.covering(each);
      return exception ? { ...each, exceptedBy: exception.id } : each;
    });
    return ok({ ...envelope, findings });
  };
}
