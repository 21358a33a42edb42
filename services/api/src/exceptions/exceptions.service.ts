// Exceptions to rules: proposed from a finding, tried on the last days, added, listed, removed.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import { type ExceptionDraft, checkScope, exceptionText, expiryOf, proposeException } from '@norn/rules';
import { addRuleException, removeRuleException, ruleExceptions } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { exceptionView, proposedView } from './exceptions.view.ts';
import { ExceptionUses } from './exception-uses.ts';
import { ExceptionPreviews } from './exception-preview.ts';

@Injectable()
export class ExceptionsService {
  constructor(
    private readonly database: DataSource,
    private readonly control: ControlPlane,
    private readonly previews: ExceptionPreviews,
    private readonly uses: ExceptionUses,
  ) {}

  /** Throws `alert_unknown`, `finding_unknown`, `exception_of_reflex`, `exception_unsuited`, `telemetry_unavailable`. */
  async propose({ tenantId }: Principal, alertId: string, findingId: string): Promise<view.ExceptionProposalView> {
    const { alert } = await this.control.attack(tenantId, alertId);
    const found = alert.findings.find(({ id }) => id === findingId);
    if (found === undefined)
      throw new NornError(
        'finding_unknown',
        `Alert ${alertId} lists no finding ${findingId}: take one of those it shows`,
      );
    const scope = proposeException(found);
    const expiresAt = expiryOf({}, Date.now());
    return create(view.ExceptionProposalViewSchema, {
      exception: proposedView(scope, expiresAt),
      // Whoever adds it says why: without that it is refused.
      yaml: exceptionText(scope, '', expiresAt.toISOString()),
      preview: await this.previews.of(tenantId, scope, findingId),
    });
  }

  /** What adding it would have done, without the finding of that id. Throws what `add` throws, and `telemetry_unavailable`. */
  async preview({ tenantId }: Principal, draft: ExceptionDraft, without?: string): Promise<view.ExceptionPreviewView> {
    checkScope(draft);
    return this.previews.of(tenantId, draft, without);
  }

  /** Throws `exception_of_reflex`, `exception_too_wide`, `exception_value_cut`, `exception_expiry`, `exceptions_too_many`. */
  async add({ tenantId, userName }: Principal, draft: ExceptionDraft): Promise<view.ExceptionView> {
    checkScope(draft);
    const { ruleId, process, place, evidence, reason } = draft;
    const row = await addRuleException(this.database, {
      tenantId,
      actor: userName,
      ruleId,
      scope: { process, place, evidence },
      reason,
      expiresAt: expiryOf(draft, Date.now()),
    });
    return exceptionView(row, Date.now());
  }

  async list({ tenantId }: Principal): Promise<view.ExceptionList> {
    const rows = await ruleExceptions(this.database, tenantId);
    const uses = rows.length === 0 ? undefined : await this.uses.of(tenantId);
    return create(view.ExceptionListSchema, {
      exceptions: rows.map((row) => exceptionView(row, Date.now(), uses?.get(row.id))),
    });
  }

  /** Throws `exception_unknown`. */
  async remove({ tenantId, userName }: Principal, id: string): Promise<void> {
    await removeRuleException(this.database, { tenantId, actor: userName, id });
  }
}
