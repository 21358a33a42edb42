// Exceptions to rules, and the one that a finding of an alert proposes.
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { type ExceptionDraft, exceptionDraft, triedException } from '@norn/rules';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, alertId } from '../http/bounds.ts';
import { type PreviewQuery, exceptionId, findingId, previewQuery } from './exceptions.request.ts';
import { Route, emit } from '../http/route.ts';
import { ExceptionsService } from './exceptions.service.ts';

@Controller('api/v1')
export class ExceptionsController {
  constructor(private readonly exceptions: ExceptionsService) {}

  @Get('exceptions')
  @Route({ summary: 'Exceptions to rules, newest first', access: 'viewer', answers: view.ExceptionListSchema })
  async list(@Asking() asking: Principal): Promise<object> {
    return emit(view.ExceptionListSchema, await this.exceptions.list(asking));
  }

  @Get('alerts/:id/findings/:findingId/exception')
  @Route({
    summary: 'The narrowest exception for a finding, and what else it would have silenced',
    access: 'analyst',
    answers: view.ExceptionProposalViewSchema,
  })
  async propose(
    @Asking() asking: Principal,
    @Param('id', new Parsed(alertId)) id: string,
    @Param('findingId', new Parsed(findingId)) finding: string,
  ): Promise<object> {
    return emit(view.ExceptionProposalViewSchema, await this.exceptions.propose(asking, id, finding));
  }

  @Post('exceptions/preview')
  @HttpCode(200)
  @Route({
    summary: 'What an exception would have silenced, without the finding that somebody looks at',
    access: 'analyst',
    answers: view.ExceptionPreviewViewSchema,
    query: previewQuery,
    body: triedException,
  })
  async preview(
    @Asking() asking: Principal,
    @Body(new Parsed(triedException)) draft: ExceptionDraft,
    @Query(new Parsed(previewQuery)) { without }: PreviewQuery,
  ): Promise<object> {
    return emit(view.ExceptionPreviewViewSchema, await this.exceptions.preview(asking, draft, without));
  }

  @Post('exceptions')
  @Route({
    summary: 'Excepts one process in one place from one rule, from now on',
    access: 'analyst',
    answers: view.ExceptionViewSchema,
    body: exceptionDraft,
    status: 201,
  })
  async add(@Asking() asking: Principal, @Body(new Parsed(exceptionDraft)) draft: ExceptionDraft): Promise<object> {
    return emit(view.ExceptionViewSchema, await this.exceptions.add(asking, draft));
  }

  @Delete('exceptions/:id')
  @Route({ summary: 'Ends an exception now', access: 'analyst', answers: view.ExceptionListSchema })
  async remove(@Asking() asking: Principal, @Param('id', new Parsed(exceptionId)) id: string): Promise<object> {
    await this.exceptions.remove(asking, id);
    return this.list(asking);
  }
}
