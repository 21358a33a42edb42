// What the API is made of.
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { DataSource } from 'typeorm';
import { AccessGuard } from './access/access.guard.ts';
import { CallerThrottler } from './access/caller-throttler.ts';
import { Invitations } from './access/invitations.ts';
import { JoinTokensController } from './access/join-tokens.controller.ts';
import { SessionController } from './access/session.controller.ts';
import { Sessions } from './access/sessions.ts';
import { ConsoleFiles } from './http/console-files.ts';
import { ControlPlane } from './model/control-plane.ts';
import { SigningKey } from './model/signing-key.ts';
import { RulePack } from './model/rule-pack.ts';
import { AlertActions } from './alerts/alert-actions.ts';
import { AlertDetails } from './alerts/alert-detail.ts';
import { AlertLists } from './alerts/alert-list.ts';
import { AlertViews } from './model/attack/alert-views.ts';
import { AlertsController } from './alerts/alerts.controller.ts';
import { AttackReader } from './alerts/attack-reader.ts';
import { AttackSummaries } from './model/attack/attack-summaries.ts';
import { AttackTelemetry } from './model/attack/attack-telemetry.ts';
import { SummaryKeeper } from './alerts/summary-keeper.ts';
import { AttackPlaces } from './model/attack/attack-places.ts';
import { ProcessLives } from './model/attack/process-lives.ts';
import { ApiConfig } from './api.config.ts';
import { ExceptionUses } from './exceptions/exception-uses.ts';
import { ExceptionPreviews } from './exceptions/exception-preview.ts';
import { Exceptions } from './exceptions/exceptions.ts';
import { ExceptionsController } from './exceptions/exceptions.controller.ts';
import { FindingLists } from './findings/finding-list.ts';
import { FindingsController } from './findings/findings.controller.ts';
import { limits } from './http/bounds.ts';
import { DescriptionController } from './http/description.controller.ts';
import { ProblemFilter } from './http/problem.ts';
import { StreamController } from './stream/stream.controller.ts';
import { HostGroupsController } from './host-groups/host-groups.controller.ts';
import { Hunts } from './hunts/hunts.ts';
import { HuntsController } from './hunts/hunts.controller.ts';
import { ApiHealth } from './installation/api-health.ts';
import { InstallationController } from './installation/installation.controller.ts';
import { Installation } from './installation/installation.ts';
import { Status } from './installation/status.ts';
import { Policies } from './policy/policies.ts';
import { PolicyFirings } from './policy/policy-firings.ts';
import { PolicyTrials } from './policy/policy-trials.ts';
import { PolicyController } from './policy/policy.controller.ts';
import { Changes } from './stream/changes.port.ts';
import { RuleFigureReader } from './rules/rule-figures.ts';
import { RuleImports } from './rules/rule-import.ts';
import { RuleShelf } from './rules/rule-shelf.ts';
import { RulesController } from './rules/rules.controller.ts';
import { Telemetry } from './model/telemetry.port.ts';

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
        JoinTokensController,
        InstallationController,
        AlertsController,
        RulesController,
        ExceptionsController,
        PolicyController,
        HostGroupsController,
        FindingsController,
        HuntsController,
        StreamController,
        DescriptionController,
      ],
      providers: [
        { provide: ApiConfig, useValue: config },
        { provide: DataSource, useValue: database },
        { provide: Telemetry, useValue: telemetry },
        { provide: Changes, useValue: changes },
        { provide: ConsoleFiles, useValue: consoleFiles },
        { provide: APP_GUARD, useClass: CallerThrottler },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        ...[
          Sessions,
          Invitations,
          ControlPlane,
          RulePack,
          SigningKey,
          AttackPlaces,
          AttackTelemetry,
          AttackSummaries,
          AttackReader,
          SummaryKeeper,
          ProcessLives,
          AlertDetails,
          AlertLists,
          AlertViews,
          AlertActions,
          FindingLists,
          Installation,
          RuleShelf,
          RuleFigureReader,
          RuleImports,
          Exceptions,
          ExceptionPreviews,
          ExceptionUses,
          Policies,
          PolicyFirings,
          PolicyTrials,
          Status,
          Hunts,
          ApiHealth,
        ],
      ],
    };
  }
}
