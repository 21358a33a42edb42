// Writes down every minute what rules cost. While the control plane is away, those minutes are not told of.
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { STAGE_CONFIG } from '@norn/stage';
import { addRuleCosts } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { RuleCosts } from '../costs/rule-costs.ts';
import type { DetectionConfig } from '../detection.config.ts';
import { ControlPlane } from './control-plane.ts';

const INTERVAL_MS = 60_000;

@Injectable()
export class PostgresRuleCosts implements OnModuleInit, OnApplicationShutdown {
  private readonly log = createLogger('detection');
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    @Inject(STAGE_CONFIG) private readonly config: Pick<DetectionConfig, 'postgresPasswordFile'>,
    private readonly control: ControlPlane,
    private readonly costs: RuleCosts,
  ) {}

  /** Without a control plane there is nobody to tell. */
  onModuleInit(): void {
    if (this.config.postgresPasswordFile === '') return;
    this.timer = setInterval(() => {
      this.writing = this.writing.then(() => this.write());
    }, INTERVAL_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
  }

  /** Resolves when it is written, or told of. */
  async write(): Promise<void> {
    try {
      const source = await this.control.source();
      const rows = this.costs.take();
      if (rows.length > 0) await addRuleCosts(source, rows);
    } catch (error) {
      this.log.warn({ code: 'rule_costs_lost' }, `What rules cost is not written down: ${messageOf(error)}`);
    }
  }
}
