// What the API is made of: its features, and what they all stand on.
import { type DynamicModule, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccessModule } from './access/access.module.ts';
import { AlertsModule } from './alerts/alerts.module.ts';
import { ApiConfig } from './api.config.ts';
import { AuditModule } from './audit/audit.module.ts';
import { ExceptionsModule } from './exceptions/exceptions.module.ts';
import { FindingsModule } from './findings/findings.module.ts';
import { HostsModule } from './hosts/hosts.module.ts';
import { ConsoleFiles } from './http/console-files.ts';
import { HttpModule } from './http/http.module.ts';
import { HuntsModule } from './hunts/hunts.module.ts';
import { Telemetry } from './model/telemetry.port.ts';
import { PolicyModule } from './policy/policy.module.ts';
import { RulesModule } from './rules/rules.module.ts';
import { StatusModule } from './status/status.module.ts';
import { Changes } from './stream/changes.port.ts';
import { StreamModule } from './stream/stream.module.ts';

/** What the API stands on; made, and closed, by whoever starts it. */
export interface ApiParts {
  readonly config: ApiConfig;
  readonly database: DataSource;
  readonly telemetry: Telemetry;
  readonly changes: Changes;
  readonly consoleFiles: ConsoleFiles;
}

@Module({
  imports: [
    ...[HttpModule, AccessModule],
    ...[AlertsModule, HuntsModule, RulesModule, ExceptionsModule, PolicyModule],
    ...[HostsModule, FindingsModule, AuditModule, StatusModule, StreamModule],
  ],
})
export class ApiModule {
  static with({ config, database, telemetry, changes, consoleFiles }: ApiParts): DynamicModule {
    const parts = [
      { provide: ApiConfig, useValue: config },
      { provide: DataSource, useValue: database },
      { provide: Telemetry, useValue: telemetry },
      { provide: Changes, useValue: changes },
      { provide: ConsoleFiles, useValue: consoleFiles },
    ];
    return { module: ApiModule, global: true, providers: parts, exports: parts };
  }
}
