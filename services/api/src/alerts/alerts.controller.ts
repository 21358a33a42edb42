// Alerts: the list, one with everything about it, and what a person does about it.
import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, alertId } from '../http/bounds.ts';
import {
  type AlertsQuery,
  type ConflictsQuery,
  alertsQuery,
  conflictsQuery,
  type DetailQuery,
  type FilesQuery,
  detailQuery,
  filesQuery,
} from './alerts.request.ts';
import { Route, emit } from '../http/route.ts';
import { AlertActionsService } from './alert-actions.service.ts';
import { AlertDetailService } from './alert-detail.service.ts';
import { AlertsService } from './alerts.service.ts';

const idInPath = new Parsed(alertId);

@Controller('api/v1/alerts')
export class AlertsController {
  constructor(
    private readonly service: AlertsService,
    private readonly details: AlertDetailService,
    private readonly actions: AlertActionsService,
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

  @Post(':id/kill')
  @Route({
    summary: 'Kills what the alert blames, and what its page says runs',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async kill(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    const running = await this.service.stillRunning(asking.tenantId, id);
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'kill', { running }));
  }

  @Post(':id/kill-container')
  @Route({
    summary: 'Kills every process of the container that the attack was in',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async killContainer(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'kill-container'));
  }

  @Post(':id/isolate')
  @Route({
    summary: 'Takes the pod that the attack was in off the network, or its container where there is no pod',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async isolate(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'isolate'));
  }

  @Post(':id/rejoin')
  @Route({
    summary: 'Lets it back onto the network',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async rejoin(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'rejoin'));
  }

  @Post(':id/restore')
  @Route({
    summary: 'Puts back what the attack changed',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async restore(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'restore'));
  }

  @Post(':id/restore-blamed')
  @Route({
    summary: 'Takes back what everybody did whom the alert blames, those too whom the policy does not act on',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async restoreBlamed(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'restore-blamed'));
  }

  @Post(':id/restore-container')
  @Route({
    summary: 'Brings the whole container to what it was before the attack',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async restoreContainer(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'restore-container'));
  }

  @Post(':id/restore-container-cold')
  @Route({
    summary: 'Stops the container, brings it to what it was before the attack, and starts it again',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async restoreStoppedContainer(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'restore-container-cold'));
  }

  @Post(':id/restore-conflicts')
  @Route({
    summary: 'Puts back files in conflict all the same: all, or those whose path is given',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
    query: conflictsQuery,
  })
  async restoreConflicts(
    @Asking() asking: Principal,
    @Param('id', idInPath) id: string,
    @Query(new Parsed(conflictsQuery)) { path }: ConflictsQuery,
  ): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'restore-conflicts', { paths: path }));
  }

  @Post(':id/undo')
  @Route({
    summary: 'Undoes the newest restore: the files are again as the attack left them',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async undo(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'undo'));
  }

  @Post(':id/release')
  @Route({
    summary: 'Lets it run and never acts on this evidence again',
    access: 'responder',
    answers: view.CommandViewSchema,
    status: 201,
  })
  async release(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    return emit(view.CommandViewSchema, await this.actions.request(asking, id, 'release'));
  }

  @Post(':id/archive')
  @HttpCode(200)
  @Route({ summary: 'Takes the alert off the list of what is open', access: 'analyst', answers: view.AlertViewSchema })
  async archive(@Asking() asking: Principal, @Param('id', idInPath) id: string): Promise<object> {
    await this.actions.archive(asking, id);
    return emit(view.AlertViewSchema, await this.service.one(asking.tenantId, id));
  }
}
