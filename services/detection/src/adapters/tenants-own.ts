// What tenants say themselves, out of the control plane. Without one there is nothing of theirs.
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { STAGE_CONFIG } from '@norn/stage';
import type { DetectionConfig } from '../detection.config.ts';
import { ControlPlane } from './control-plane.ts';
import { PostgresBroughtRules } from './postgres-brought-rules.ts';
import { PostgresPolicies } from './postgres-policies.ts';
import { PostgresRuleExceptions } from './postgres-rule-exceptions.ts';
import { readRulePack } from './rule-pack.ts';

interface Parts {
  readonly brought?: PostgresBroughtRules;
  readonly exceptions?: PostgresRuleExceptions;
  readonly policies?: PostgresPolicies;
}

@Injectable()
export class TenantsOwn implements OnModuleInit, OnApplicationShutdown {
  readonly parts: Parts;

  constructor(@Inject(STAGE_CONFIG) config: DetectionConfig, control: ControlPlane) {
    this.parts =
      config.postgresPasswordFile === ''
        ? {}
        : {
            brought: new PostgresBroughtRules(control, readRulePack().rules),
            exceptions: new PostgresRuleExceptions(control),
            policies: new PostgresPolicies(control),
          };
  }

  /** Resolves when all is read, or the control plane is found to be away. */
  async onModuleInit(): Promise<void> {
    const { brought, exceptions, policies } = this.parts;
    await Promise.all([brought?.open(), exceptions?.open(), policies?.open()]);
  }

  async onApplicationShutdown(): Promise<void> {
    const { brought, exceptions, policies } = this.parts;
    await Promise.all([brought?.close(), exceptions?.close(), policies?.close()]);
  }
}
