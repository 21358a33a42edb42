// Whether the audit trail is as it was written.
import { Controller, Get, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { verifyAudit } from '@norn/store';
import { DataSource } from 'typeorm';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed } from '../http/bounds.ts';
import { Route, emit } from '../http/route.ts';
import { type VerificationQuery, verificationQuery } from './audit.request.ts';

@Controller('api/v1')
export class AuditController {
  constructor(private readonly database: DataSource) {}

  @Get('audit/verification')
  @Route({
    summary: 'Whether an entry of the audit trail was changed or taken out since it was sealed',
    access: 'admin',
    answers: view.AuditVerificationViewSchema,
    query: verificationQuery,
  })
  async verification(
    @Asking() { tenantId }: Principal,
    @Query(new Parsed(verificationQuery)) { kept }: VerificationQuery,
  ): Promise<object> {
    const { sealed, waiting, head, broken } = await verifyAudit(this.database, tenantId, kept);
    return emit(view.AuditVerificationViewSchema, {
      sealed,
      waiting,
      head,
      brokenNumber: broken?.number ?? 0,
      brokenReason: broken?.reason ?? '',
    });
  }
}
