// What the API asks of stored events: one tenant's rows, within limits of time, memory and size.
import type { Reading, TenantQueryParts } from '@norn/store';

export abstract class Telemetry {
  /** 64-bit integers may come as strings. Throws `telemetry_unavailable` when events can't be read just now, or its signal is aborted. */
  abstract rows<Row>(tenantId: string, parts: TenantQueryParts, reading?: Reading): Promise<Row[]>;
  abstract close(): Promise<void>;
}
