// The tenant's policy, version by version.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { PolicyFirings } from './policy-firings.ts';
import { PolicyTrials } from './policy-trials.ts';
import { PolicyController } from './policy.controller.ts';
import { PolicyService } from './policy.service.ts';

@Module({
  imports: [ModelModule],
  controllers: [PolicyController],
  providers: [PolicyService, PolicyFirings, PolicyTrials],
})
export class PolicyModule {}
