// Stored events out of ClickHouse: one reader a tenant, so that the tenant stands in every query and in the header that row policies read.
import { NornError, messageOf } from '@norn/base';
import { type ReaderConfig, type Reading, type TenantQueryParts, type TenantReader, createReader } from '@norn/store';
import { Telemetry } from './telemetry.port.ts';

/** Tenants whose connections are kept; of more, the one that asked longest ago lets go of its own. */
const readersMax = 64;

export class ClickHouseTelemetry extends Telemetry {
  private readonly readers = new Map<string, TenantReader>();

  constructor(private readonly config: ReaderConfig) {
    super();
  }

  async rows<Row>(tenantId: string, parts: TenantQueryParts, reading?: Reading): Promise<Row[]> {
    try {
      return await this.readerOf(tenantId).select<Row>(parts, reading);
    } catch (error) {
      throw new NornError('telemetry_unavailable', `Events can not be read just now: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.readers.values()].map((reader) => reader.close()));
    this.readers.clear();
  }

  private readerOf(tenantId: string): TenantReader {
    const reader = this.readers.get(tenantId) ?? createReader(this.config, tenantId);
    this.readers.delete(tenantId);
    this.readers.set(tenantId, reader);
    this.evict();
    return reader;
  }

  private evict(): void {
    const [oldest] = this.readers;
    if (this.readers.size <= readersMax || oldest === undefined) return;
    this.readers.delete(oldest[0]);
    oldest[1].close().catch((error: unknown) => {
      this.log.warn({ error: messageOf(error) }, 'a reader did not close');
    });
  }
}
