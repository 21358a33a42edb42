// Alerts, and what a person does about them.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { AlertActionsController } from './alert-actions.controller.ts';
import { AlertActionsService } from './alert-actions.service.ts';
import { AlertDetailService } from './alert-detail.service.ts';
import { AlertsController } from './alerts.controller.ts';
import { AlertsService } from './alerts.service.ts';
import { AttackReader } from './attack-reader.ts';
import { SummaryKeeper } from './summary-keeper.ts';

@Module({
  imports: [ModelModule],
  controllers: [AlertsController, AlertActionsController],
  providers: [AlertsService, AlertDetailService, AlertActionsService, AttackReader, SummaryKeeper],
})
export class AlertsModule {}
