// Record → what a host, or the clock, had to say about a tenant. What does not parse is dead-lettered with its code.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import type { BusRecord } from '@norn/bus';
import { occurrence } from '@norn/contracts';
import { type Outcome, deadLetter, ok } from '@norn/pipeline';
import type { TenantTold } from './tenant-envelope.ts';

export function createOpenTenantRecord(): (record: BusRecord) => Outcome<TenantTold> {
  return function openTenantRecord(record) {
    try {
      return ok({ record, tenantId: record.key, told: fromBinary(occurrence.TenantRecordSchema, record.value) });
    } catch (error) {
      const code = 'occurrence_malformed';
      return deadLetter(code, new NornError(code, `A tenant's record does not parse: ${messageOf(error)}`));
    }
  };
}
