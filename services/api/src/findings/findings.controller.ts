// Findings as they come, whatever alert they are part of.
import { Controller, Get, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed } from '../http/bounds.ts';
import { type FindingsQuery, findingsQuery } from './findings.request.ts';
import { Route, emit } from '../http/route.ts';
import { FindingsService } from './findings.service.ts';

@Controller('api/v1/findings')
export class FindingsController {
  constructor(private readonly findings: FindingsService) {}

  @Get()
  @Route({
    summary: 'Findings since a moment, newest first, with the pids above each',
    access: 'viewer',
    answers: view.FindingListSchema,
    query: findingsQuery,
  })
  async since(
    @Asking() { tenantId }: Principal,
    @Query(new Parsed(findingsQuery)) query: FindingsQuery,
  ): Promise<object> {
    return emit(view.FindingListSchema, await this.findings.since(tenantId, query));
  }
}
