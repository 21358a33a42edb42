// Exceptions to rules.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { ExceptionPreviews } from './exception-preview.ts';
import { ExceptionUses } from './exception-uses.ts';
import { ExceptionsController } from './exceptions.controller.ts';
import { ExceptionsService } from './exceptions.service.ts';

@Module({
  imports: [ModelModule],
  controllers: [ExceptionsController],
  providers: [ExceptionsService, ExceptionPreviews, ExceptionUses],
})
export class ExceptionsModule {}
