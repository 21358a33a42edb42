// Alerts: the list, and one with everything about it.
import { Controller, Get, Param, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, alertId } from '../http/bounds.ts';
import {
  type AlertsQuery,
  alertsQuery,
  type DetailQuery,
  type FilesQuery,
  detailQuery,
  filesQuery,
} from './alerts.request.ts';
import { Route, emit } from '../http/route.ts';
import { AlertDetailService } from './alert-detail.service.ts';
import { AlertsService } from './alerts.service.ts';

const idInPath = new Parsed(alertId);

@Controller('api/v1/alerts')
export class AlertsController {
  constructor(
    private readonly service: AlertsService,
    private readonly details: AlertDetailService,
  ) {}

  @Get()
  @Route({ summary: 'Alerts, newest first', access: 'viewer', answers: view.AlertListSchema, query: alertsQuery })
  async list(@Asking() asking: Principal, @Query(new Parsed(alertsQuery)) query: AlertsQuery): Promise<object> {
    return emit(view.AlertListSchema, await this.service.page(asking.tenantId, query));
  }

  @Get(':id')
  @Route({
    summary: 'Everything about one alert; with `again`, what could not be read of stored events is tried again',
    access: 'viewer',
    answers: view.AlertDetailSchema,
    query: detailQuery,
  })
  async detail(
    @Asking() asking: Principal,
    @Param('id', idInPath) id: string,
    @Query(new Parsed(detailQuery)) { again }: DetailQuery,
  ): Promise<object> {
    return emit(view.AlertDetailSchema, await this.details.detail(asking, id, again));
  }

  @Get(':id/files')
  @Route({
    summary: 'Files of one alert, page by page, what was lost first',
    access: 'viewer',
    answers: view.FileListSchema,
    query: filesQuery,
  })
  async files(
    @Asking() asking: Principal,
    @Param('id', idInPath) id: string,
    @Query(new Parsed(filesQuery)) { offset }: FilesQuery,
  ): Promise<object> {
    return emit(view.FileListSchema, await this.details.files(asking.tenantId, id, offset));
  }
}
