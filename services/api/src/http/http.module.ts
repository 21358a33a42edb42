// What holds for every route: the description made of them, and how a failure leaves.
import { Module } from '@nestjs/common';
import { APP_FILTER, DiscoveryModule } from '@nestjs/core';
import { DescriptionController } from './description.controller.ts';
import { ProblemFilter } from './problem.ts';

@Module({
  imports: [DiscoveryModule],
  controllers: [DescriptionController],
  providers: [{ provide: APP_FILTER, useClass: ProblemFilter }],
})
export class HttpModule {}
