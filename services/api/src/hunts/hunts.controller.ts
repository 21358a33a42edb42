// Hunts: any rule over the events that are stored.
import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { view } from '@norn/contracts';
import type { Response } from 'express';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed } from '../http/bounds.ts';
import { Route, emit } from '../http/route.ts';
import { type HuntBody, huntBody } from './hunt-request.ts';
import { Hunts } from './hunts.ts';

@Controller('api/v1/hunts')
export class HuntsController {
  constructor(private readonly hunts: Hunts) {}

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
    // Who goes away does not wait for the answer: neither does ClickHouse.
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    return emit(view.HuntViewSchema, await this.hunts.run(asking, body, gone.signal));
  }
}
