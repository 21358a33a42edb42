// Detection rules: what runs, what can not be seen, and those that a tenant brings along.
import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed } from '../http/bounds.ts';
import { type RuleFiles, type RuleState, ruleFiles, ruleId, ruleState } from './rules.request.ts';
import { Route, emit } from '../http/route.ts';
import { RulesService } from './rules.service.ts';

@Controller('api/v1/rules')
export class RulesController {
  constructor(private readonly service: RulesService) {}

  @Get()
  @Route({
    summary: 'Detection rules, and what the sensor does not see',
    access: 'viewer',
    answers: view.RuleListSchema,
  })
  async list(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.RuleListSchema, await this.service.list(tenantId));
  }

  @Post('import')
  @Route({
    summary: 'Takes in rules, correlations and filters in the form of Sigma; new ones only observe',
    access: 'admin',
    answers: view.RuleImportViewSchema,
    body: ruleFiles,
    status: 201,
  })
  async import(@Asking() asking: Principal, @Body(new Parsed(ruleFiles, 'let be')) files: RuleFiles): Promise<object> {
    return emit(view.RuleImportViewSchema, await this.service.take(asking, files));
  }

  @Post(':id/state')
  @HttpCode(200)
  @Route({
    summary: 'Lets an imported rule observe, open alerts, or puts it off',
    access: 'admin',
    answers: view.RuleListSchema,
    body: ruleState,
  })
  async setState(
    @Asking() asking: Principal,
    @Param('id', new Parsed(ruleId)) id: string,
    @Body(new Parsed(ruleState)) { state }: RuleState,
  ): Promise<object> {
    await this.service.setState(asking, id, state);
    return this.list(asking);
  }

  @Delete(':id')
  @Route({
    summary: 'Removes an imported rule that no other needs',
    access: 'admin',
    answers: view.RuleListSchema,
  })
  async remove(@Asking() asking: Principal, @Param('id', new Parsed(ruleId)) id: string): Promise<object> {
    await this.service.remove(asking, id);
    return this.list(asking);
  }
}
