// Detection rules: Norn's own and those that a tenant brings along.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { RuleFigureReader } from './rule-figures.ts';
import { RuleShelf } from './rule-shelf.ts';
import { RulesController } from './rules.controller.ts';
import { RulesService } from './rules.service.ts';

@Module({
  imports: [ModelModule],
  controllers: [RulesController],
  providers: [RulesService, RuleShelf, RuleFigureReader],
})
export class RulesModule {}
