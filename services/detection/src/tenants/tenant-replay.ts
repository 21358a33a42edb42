// The tenants' side without a broker: what hosts have to say is kept, and counted when all of them have been heard.
import { create, toBinary } from '@bufbuild/protobuf';
import type { BusRecord } from '@norn/bus';
import { occurrence } from '@norn/contracts';
import type { CorrelationSet } from '@norn/rules';
import type { TenantWhat } from '../steps/envelope.ts';
import { noBroughtRules } from '../ports/brought-rules.port.ts';
import { FindingRates } from '../rates/finding-rates.ts';
import { TenantAlerts } from './tenant-alerts.ts';
import { TenantCorrelations } from './tenant-correlations.ts';
import type { TenantResult } from './tenant-envelope.ts';
import { createTenantPipeline } from './tenant.pipeline.ts';

export interface TenantReplay {
  take(tenantId: string, told: readonly TenantWhat[]): void;
  /** Nothing more comes. */
  end(): Promise<readonly TenantResult[]>;
}

export function createTenantReplay(own: CorrelationSet, alertWindowMs: number): TenantReplay {
  const correlations = new TenantCorrelations(own, noBroughtRules, 0);
  const alerts = new TenantAlerts(BigInt(alertWindowMs) * 1000n);
  const pipeline = createTenantPipeline({ correlations, alerts, rates: new FindingRates() });
  const records: BusRecord[] = [];
  const add = (tenantId: string, what: TenantWhat): void => {
    const value = toBinary(
      occurrence.TenantRecordSchema,
      create(occurrence.TenantRecordSchema, { sentUs: END_US, what }),
    );
    records.push({ topic: 'occurrences', partition: 0, offset: records.length, key: tenantId, value, headers: {} });
  };
  return {
    take: (tenantId, told) => {
      for (const what of told) add(tenantId, what);
    },
    end: async () => {
      for (const tenantId of new Set(records.map(({ key }) => key)))
        add(tenantId, { case: 'heardUntilUs', value: END_US });
      return (await pipeline.run(records)).ok.map(({ value }) => value);
    },
  };
}

/** Later than every event: the year 2100. */
const END_US = 4_102_444_800_000_000n;
