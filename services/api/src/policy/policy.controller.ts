// The tenant's policy as YAML, version by version.
import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
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
import { Route, emit } from '../http/route.ts';
import { noPolicy, policyList, policyView } from '../views/policy-view.ts';
import { Policies } from './policies.ts';

@Controller('api/v1/policy')
export class PolicyController {
  constructor(private readonly policies: Policies) {}

  @Get()
  @Route({ summary: 'The policy in force, as YAML', access: 'viewer', answers: view.PolicyViewSchema })
  async inForce(@Asking() { tenantId }: Principal): Promise<object> {
    const version = await this.policies.inForce(tenantId);
    return emit(view.PolicyViewSchema, version ? policyView(version, version.number) : noPolicy());
  }

  @Put()
  @Route({ summary: 'Puts a policy in force', access: 'admin', answers: view.PolicyViewSchema })
  async apply(@Asking() asking: Principal, @Body(new Parsed(policyBody)) { body }: PolicyBody): Promise<object> {
    const version = await this.policies.apply(asking, body);
    return emit(view.PolicyViewSchema, policyView(version, version.number));
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
    return emit(view.PolicyViewSchema, policyView(version, inForce?.number ?? 0));
  }

  @Post('rollback')
  @HttpCode(200)
  @Route({ summary: 'Puts the text of an earlier version in force', access: 'admin', answers: view.PolicyViewSchema })
  async rollback(
    @Asking() asking: Principal,
    @Body(new Parsed(policyRollback)) { number }: PolicyRollbackBody,
  ): Promise<object> {
    const version = await this.policies.rollback(asking, number);
    return emit(view.PolicyViewSchema, policyView(version, version.number));
  }
}
