// Hunts: any rule over the events that are stored.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { HuntsController } from './hunts.controller.ts';
import { HuntsService } from './hunts.service.ts';

@Module({ imports: [ModelModule], controllers: [HuntsController], providers: [HuntsService] })
export class HuntsModule {}
