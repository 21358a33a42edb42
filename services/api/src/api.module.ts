// What the API is made of.
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { DataSource } from 'typeorm';
import { AccessGuard } from './access/access.guard.ts';
import { SessionController } from './access/session.controller.ts';
import { Sessions } from './access/sessions.ts';
import { ConsoleFiles } from './adapters/console-files.ts';
import { ControlPlane } from './adapters/control-plane.ts';
import { AlertActions } from './alerts/alert-actions.ts';
import { AlertDetails } from './alerts/alert-detail.ts';
import { AlertLists } from './alerts/alert-list.ts';
import { AlertsController } from './alerts/alerts.controller.ts';
import { AttackTelemetry } from './alerts/attack-telemetry.ts';
import { Places } from './alerts/places.ts';
import { ApiConfig } from './api.config.ts';
import { limits } from './http/bounds.ts';
import { DescriptionController } from './http/description.controller.ts';
import { ProblemFilter } from './http/problem.ts';
import { StreamController } from './http/stream.controller.ts';
import { ApiHealth } from './installation/api-health.ts';
import { InstallationController } from './installation/installation.controller.ts';
import { Installation } from './installation/installation.ts';
import { Status } from './installation/status.ts';
import { Changes } from './ports/changes.port.ts';
import { Telemetry } from './ports/telemetry.port.ts';

/** What the API stands on; made, and closed, by whoever starts it. */
export interface ApiParts {
  readonly config: ApiConfig;
  readonly database: DataSource;
  readonly telemetry: Telemetry;
  readonly changes: Changes;
  readonly consoleFiles: ConsoleFiles;
}

@Module({})
export class ApiModule {
  static with({ config, database, telemetry, changes, consoleFiles }: ApiParts): DynamicModule {
    return {
      module: ApiModule,
      imports: [DiscoveryModule, ThrottlerModule.forRoot([{ ttl: 60_000, limit: limits.requestsPerMinuteMax }])],
      controllers: [
        SessionController,
        InstallationController,
        AlertsController,
        StreamController,
        DescriptionController,
      ],
      providers: [
        { provide: ApiConfig, useValue: config },
        { provide: DataSource, useValue: database },
        { provide: Telemetry, useValue: telemetry },
        { provide: Changes, useValue: changes },
        { provide: ConsoleFiles, useValue: consoleFiles },
        { provide: APP_GUARD, useClass: ThrottlerGuard },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        ...[
          Sessions,
          ControlPlane,
          Places,
          AttackTelemetry,
          AlertDetails,
          AlertLists,
          AlertActions,
          Installation,
          Status,
          ApiHealth,
        ],
      ],
    };
  }
}
