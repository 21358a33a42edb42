// What the API asks of stored events: one tenant's rows, within limits of time, memory and size.
import { messageOf } from '@norn/base';
import type { Reading, TenantQueryParts } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';

export abstract class Telemetry {
  protected readonly log: Logger = createLogger('api');

  /** 64-bit integers may come as strings. Throws `telemetry_unavailable` when events can't be read just now, or its signal is aborted. */
  abstract rows<Row>(tenantId: string, parts: TenantQueryParts, reading?: Reading): Promise<Row[]>;
  abstract close(): Promise<void>;

  /** None when events can't be read just now: for pages that have more to show. */
  async rowsOrNone<Row>(tenantId: string, parts: TenantQueryParts): Promise<Row[]> {
    try {
      return await this.rows<Row>(tenantId, parts);
    } catch (error) {
      this.log.warn(
        { error: messageOf(error) },
        'stored events could not be read; showing what the control plane knows',
      );
      return [];
    }
  }
}
