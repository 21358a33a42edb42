// The installation in one look, and how the API is.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { ApiHealth } from './api-health.ts';
import { StatusController } from './status.controller.ts';
import { StatusService } from './status.service.ts';

@Module({ imports: [ModelModule], controllers: [StatusController], providers: [StatusService, ApiHealth] })
export class StatusModule {}
