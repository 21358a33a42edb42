// What an exception would have kept from alerts: the rule's findings of the last days, judged by the same code as the stage that judges.
import { fromBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { fromHex } from '@norn/base';
import { finding, type view } from '@norn/contracts';
import { type ExceptionScope, isWithin } from '@norn/rules';
import { resolvedGroups } from '@norn/store';
import { DataSource } from 'typeorm';
import { Telemetry } from '../model/telemetry.port.ts';
import { type FindingRow, findingsOfRuleQuery, previewLimits } from './exceptions.queries.ts';
import { previewView } from './exceptions.view.ts';

@Injectable()
export class ExceptionPreviews {
  constructor(
    private readonly telemetry: Telemetry,
    private readonly database: DataSource,
  ) {}

  /** Without the finding of that id: the one that somebody looks at is known. Throws `telemetry_unavailable`. */
  async of(tenantId: string, scope: ExceptionScope, without = ''): Promise<view.ExceptionPreviewView> {
    const rows = await this.telemetry.rows<FindingRow>(tenantId, findingsOfRuleQuery(scope, Date.now()));
    const groups = scope.place.hostGroup === '' ? [] : await resolvedGroups(this.database.manager, tenantId);
    const groupsOf = (hostId: string): string[] =>
      groups.flatMap(({ name, hostIds }) => (hostIds.includes(hostId) ? [name] : []));
    const covered = rows
      .slice(0, previewLimits.findingsMax)
      .map(({ alertId, body }) => ({ alertId, one: fromBinary(finding.FindingSchema, fromHex(body.toLowerCase())) }))
      .filter(({ one }) => one.id !== without && wouldAlert(one))
      .filter(({ one }) => isWithin(scope, { ...one, hostGroups: groupsOf(one.hostId) }));
    const word = without === '' ? 'finding' : 'other finding';
    return previewView(covered, word, rows.length > previewLimits.findingsMax);
  }
}

/** What is kept from alerts anyhow would not be missed. */
function wouldAlert({ observed, limited, exceptedBy }: finding.Finding): boolean {
  return !observed && !limited && exceptedBy === '';
}
