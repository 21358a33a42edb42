// Writes down every minute what rules cost. While the control plane is away, those minutes are not told of.
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { STAGE_CONFIG } from '@norn/stage';
import { type ControlStoreConfig, addRuleCosts, createControlStore } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { RuleCosts } from '../costs/rule-costs.ts';

const INTERVAL_MS = 60_000;

@Injectable()
export class PostgresRuleCosts implements OnModuleInit, OnApplicationShutdown {
  private readonly log = createLogger('detection');
  private source: Awaited<ReturnType<typeof createControlStore>> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    @Inject(STAGE_CONFIG) private readonly config: ControlStoreConfig,
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
    await this.source?.destroy();
  }

  /** Resolves when it is written, or told of. */
  async write(): Promise<void> {
    try {
      this.source ??= await createControlStore({ ...this.config, poolMax: 2 });
      const rows = this.costs.take();
      if (rows.length > 0) await addRuleCosts(this.source, rows);
    } catch (error) {
      this.log.warn({ code: 'rule_costs_lost' }, `What rules cost is not written down: ${messageOf(error)}`);
    }
  }
}
