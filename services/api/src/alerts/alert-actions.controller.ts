// What a person does about an alert: a route for each row of the table of actions, POST /alerts/:id/<action>.
import { Controller, HttpCode, Param, Post, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { type ActionName, type AlertAction, actionNames, alertActions } from '@norn/response';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, alertId } from '../http/bounds.ts';
import { Route, type RouteFacts, emit } from '../http/route.ts';
import { AlertActionsService } from './alert-actions.service.ts';
import { type ConflictsQuery, conflictsQuery } from './alerts.request.ts';

@Controller('api/v1/alerts')
export class AlertActionsController {
  constructor(readonly service: AlertActionsService) {}
}

type Handler = (this: AlertActionsController, asking: Principal, id: string, query?: ConflictsQuery) => Promise<object>;

/** What the decorators would say if each route were written down. */
function addRoute(action: ActionName): void {
  const { role, act, takes, words }: AlertAction = alertActions[action];
  if (role === undefined) return;
  const handler: Handler = async function (asking, id, query) {
    if (act === undefined) return emit(view.AlertViewSchema, await this.service.archive(asking, id));
    return emit(view.CommandViewSchema, await this.service.command(asking, id, { action, paths: query?.path }));
  };
  const facts: RouteFacts = {
    summary: words.route ?? words.deed,
    access: role,
    ...(act === undefined ? { answers: view.AlertViewSchema } : { answers: view.CommandViewSchema, status: 201 }),
    ...(takes === 'paths' ? { query: conflictsQuery } : {}),
  };
  const { prototype } = AlertActionsController;
  const route = { value: handler };
  Object.defineProperty(prototype, action, route);
  Asking()(prototype, action, 0);
  Param('id', new Parsed(alertId))(prototype, action, 1);
  if (takes === 'paths') Query(new Parsed(conflictsQuery))(prototype, action, 2);
  Post(`:id/${action}`)(prototype, action, route);
  HttpCode(facts.status ?? 200)(prototype, action, route);
  Route(facts)(prototype, action, route);
}

actionNames.forEach(addRoute);
