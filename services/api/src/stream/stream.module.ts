// Changes as they happen.
import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.ts';
import { ModelModule } from '../model/model.module.ts';
import { StreamController } from './stream.controller.ts';
import { StreamService } from './stream.service.ts';

@Module({ imports: [AccessModule, ModelModule], controllers: [StreamController], providers: [StreamService] })
export class StreamModule {}
