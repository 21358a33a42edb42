// Hunts: any rule over the events that are stored.
import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { view } from '@norn/contracts';
import type { Response } from 'express';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed } from '../http/bounds.ts';
import { Lines, whenGone } from '../http/lines.ts';
import { problemOf } from '../http/problem.ts';
import { Route, emit } from '../http/route.ts';
import { type HuntBody, huntBody } from './hunts.request.ts';
import { HuntsService } from './hunts.service.ts';

@Controller('api/v1/hunts')
export class HuntsController {
  constructor(private readonly hunts: HuntsService) {}

  @Get('rules')
  @Route({ summary: 'Rules of the pack, to hunt for by name', access: 'viewer', answers: view.HuntRuleListSchema })
  rules(): object {
    return emit(view.HuntRuleListSchema, { rules: this.hunts.rules() });
  }

  @Post()
  @HttpCode(200)
  @Route({
    summary: 'Runs a rule over stored events: how many when, and the newest of them',
    access: 'viewer',
    answers: view.HuntViewSchema,
    body: huntBody,
  })
  async run(
    @Asking() asking: Principal,
    @Body(new Parsed(huntBody)) body: HuntBody,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    return emit(view.HuntViewSchema, await this.hunts.run(asking, body, { signal: whenGone(response) }));
  }

  @Post('steps')
  @HttpCode(200)
  @Route({
    summary: 'Runs a rule over stored events, and tells how far it is: a HuntStepView in JSON on each line',
    access: 'viewer',
    contentType: Lines.contentType,
    body: huntBody,
  })
  async steps(
    @Asking() asking: Principal,
    @Body(new Parsed(huntBody)) body: HuntBody,
    @Res() response: Response,
  ): Promise<void> {
    const lines = new Lines(view.HuntStepViewSchema, response);
    const tell = (share: number, rowsRead: number): void => {
      lines.write({ step: { case: 'progress', value: { share, rowsRead } } });
    };
    try {
      const found = await this.hunts.run(asking, body, { signal: whenGone(response), tell });
      lines.end({ step: { case: 'found', value: found } });
    } catch (error) {
      // A refusal that comes before anything was told is an answer like any other's.
      if (!response.headersSent) throw error;
      lines.end({ step: { case: 'problem', value: problemOf(error) } });
    }
  }
}
