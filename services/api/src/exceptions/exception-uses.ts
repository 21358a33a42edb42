// How many findings each exception kept from alerts, and when it did so last: as far back as findings are stored.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import { Telemetry } from '../model/telemetry.port.ts';
import { type UseRow, usesQuery } from './exceptions.queries.ts';
import type { ExceptionUse } from './exceptions.view.ts';

@Injectable()
export class ExceptionUses {
  private readonly log = createLogger('api');

  constructor(private readonly telemetry: Telemetry) {}

  /** By exception. Empty when stored findings can not be read: exceptions are listed all the same. */
  async of(tenantId: string): Promise<ReadonlyMap<string, ExceptionUse>> {
    try {
      const rows = await this.telemetry.rows<UseRow>(tenantId, usesQuery());
      return new Map(rows.map(({ id, used, lastUs }) => [id, { used: Number(used), lastUs: Number(lastUs) }]));
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'uses of exceptions could not be counted');
      return new Map();
    }
  }
}
