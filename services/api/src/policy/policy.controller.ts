// The tenant's policy as YAML, version by version.
import { Body, Controller, Get, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import type { Response } from 'express';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import {
  Parsed,
  type PolicyBody,
  type PolicyRollbackBody,
  policyBody,
  policyNumber,
  policyRollback,
} from '../http/bounds.ts';
import { whenGone } from '../http/lines.ts';
import { Route, emit } from '../http/route.ts';
import { noPolicy, policyList, policyView } from '../views/policy-view.ts';
import type { PolicyVersion } from '@norn/store';
import { Policies } from './policies.ts';
import { PolicyFirings } from './policy-firings.ts';
import { PolicyTrials } from './policy-trials.ts';

@Controller('api/v1/policy')
export class PolicyController {
  constructor(
    private readonly policies: Policies,
    private readonly firings: PolicyFirings,
    private readonly trials: PolicyTrials,
  ) {}

  @Get()
  @Route({ summary: 'The policy in force, as YAML', access: 'viewer', answers: view.PolicyViewSchema })
  async inForce(@Asking() { tenantId }: Principal): Promise<object> {
    const version = await this.policies.inForce(tenantId);
    if (version === null) return emit(view.PolicyViewSchema, noPolicy());
    return this.shown(tenantId, version, version.number);
  }

  @Put()
  @Route({ summary: 'Puts a policy in force', access: 'admin', answers: view.PolicyViewSchema })
  async apply(@Asking() asking: Principal, @Body(new Parsed(policyBody)) { body }: PolicyBody): Promise<object> {
    const version = await this.policies.apply(asking, body);
    return this.shown(asking.tenantId, version, version.number);
  }

  @Get('history')
  @Route({ summary: 'The versions of the policy', access: 'viewer', answers: view.PolicyHistorySchema })
  async history(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.PolicyHistorySchema, policyList(await this.policies.history(tenantId)));
  }

  @Get(':number')
  @Route({ summary: 'One version of the policy, as YAML', access: 'viewer', answers: view.PolicyViewSchema })
  async version(
    @Asking() { tenantId }: Principal,
    @Param('number', new Parsed(policyNumber)) number: number,
  ): Promise<object> {
    const [version, inForce] = await Promise.all([
      this.policies.version(tenantId, number),
      this.policies.inForce(tenantId),
    ]);
    return this.shown(tenantId, version, inForce?.number ?? 0);
  }

  @Post('test')
  @HttpCode(200)
  @Route({
    summary: 'Tries a policy: its tests, what hosts would deny, what its rules find in the last day',
    access: 'analyst',
    answers: view.PolicyTrialViewSchema,
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
  @Route({ summary: 'Puts the text of an earlier version in force', access: 'admin', answers: view.PolicyViewSchema })
  async rollback(
    @Asking() asking: Principal,
    @Body(new Parsed(policyRollback)) { number }: PolicyRollbackBody,
  ): Promise<object> {
    const version = await this.policies.rollback(asking, number);
    return this.shown(asking.tenantId, version, version.number);
  }

  private async shown(tenantId: string, version: PolicyVersion, numberInForce: number): Promise<object> {
    const firings = await this.firings.of(tenantId, version.name);
    return emit(view.PolicyViewSchema, policyView(version, numberInForce, { firings, now: new Date() }));
  }
}
