// The installation in one look, and how the API is.
import { Controller, Get, Res } from '@nestjs/common';
import { SkipThrottle } from '@nestjs/throttler';
import { view } from '@norn/contracts';
import type { Response } from 'express';
import { Asking, type Principal } from '../access/principal.ts';
import { Route, emit } from '../http/route.ts';
import { ApiHealth } from './api-health.ts';
import { StatusService } from './status.service.ts';

@Controller()
export class StatusController {
  constructor(
    private readonly service: StatusService,
    private readonly health: ApiHealth,
  ) {}

  @Get('api/v1/status')
  @Route({ summary: 'The installation in one look', access: 'viewer', answers: view.StatusViewSchema })
  async overview(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.StatusViewSchema, await this.service.overview(tenantId));
  }

  @Get('healthz')
  @SkipThrottle()
  @Route({ summary: 'How the API is', access: 'public', contentType: 'application/json' })
  async healthz(@Res({ passthrough: true }) response: Response): Promise<object> {
    const report = await this.health.report();
    response.status(report.healthy ? 200 : 503);
    return report;
  }
}
