// The tenant's policy as YAML, version by version.
import { Body, Controller, Get, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import type { Response } from 'express';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed } from '../http/bounds.ts';
import {
  type PolicyBody,
  type PolicyRollbackBody,
  policyBody,
  policyNumber,
  policyRollback,
} from './policy.request.ts';
import { whenGone } from '../http/lines.ts';
import { Route, emit } from '../http/route.ts';
import { PolicyService } from './policy.service.ts';
import { PolicyTrials } from './policy-trials.ts';

@Controller('api/v1/policy')
export class PolicyController {
  constructor(
    private readonly service: PolicyService,
    private readonly trials: PolicyTrials,
  ) {}

  @Get()
  @Route({ summary: 'The policy in force, as YAML', access: 'viewer', answers: view.PolicyViewSchema })
  async inForce(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.PolicyViewSchema, await this.service.inForce(tenantId));
  }

  @Put()
  @Route({ summary: 'Puts a policy in force', access: 'admin', answers: view.PolicyViewSchema, body: policyBody })
  async apply(@Asking() asking: Principal, @Body(new Parsed(policyBody)) { body }: PolicyBody): Promise<object> {
    return emit(view.PolicyViewSchema, await this.service.apply(asking, body));
  }

  @Get('history')
  @Route({ summary: 'The versions of the policy', access: 'viewer', answers: view.PolicyHistorySchema })
  async history(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.PolicyHistorySchema, await this.service.history(tenantId));
  }

  @Get(':number')
  @Route({ summary: 'One version of the policy, as YAML', access: 'viewer', answers: view.PolicyViewSchema })
  async version(
    @Asking() { tenantId }: Principal,
    @Param('number', new Parsed(policyNumber)) number: number,
  ): Promise<object> {
    return emit(view.PolicyViewSchema, await this.service.version(tenantId, number));
  }

  @Post('test')
  @HttpCode(200)
  @Route({
    summary: 'Tries a policy: its tests, what hosts would deny, what its rules find in the last day',
    access: 'analyst',
    answers: view.PolicyTrialViewSchema,
    body: policyBody,
  })
  async try(
    @Asking() asking: Principal,
    @Body(new Parsed(policyBody)) { body }: PolicyBody,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    return emit(view.PolicyTrialViewSchema, await this.trials.try(asking, body, whenGone(response)));
  }

  @Post('rollback')
  @HttpCode(200)
  @Route({
    summary: 'Puts the text of an earlier version in force',
    access: 'admin',
    answers: view.PolicyViewSchema,
    body: policyRollback,
  })
  async rollback(
    @Asking() asking: Principal,
    @Body(new Parsed(policyRollback)) { number }: PolicyRollbackBody,
  ): Promise<object> {
    return emit(view.PolicyViewSchema, await this.service.rollback(asking, number));
  }
}
