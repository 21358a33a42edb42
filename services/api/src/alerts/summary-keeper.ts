// Makes the summaries of alerts that have none, an older version's, or one from when more could still come: new alerts first, those from before an
// upgrade as time is left.
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { AlertHandling } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';
import { DataSource, In } from 'typeorm';
import { readAttack } from '../model/attack/attack.ts';
import { AttackSummaries } from '../model/attack/attack-summaries.ts';

const everyMs = 3_000;
/** Alerts of one round. */
const roundMax = 20;

@Injectable()
export class SummaryKeeper {
  private readonly log: Logger = createLogger('api');
  private readonly ended = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    private readonly summaries: AttackSummaries,
  ) {}

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.ended.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.hasEnded()) {
      try {
        await this.round();
      } catch (error) {
        // The pool is closed under a round at the end.
        if (!this.hasEnded()) this.log.warn({ error: messageOf(error) }, 'summaries of alerts could not be kept');
      }
      // Ended in its sleep it ends.
      await sleep(everyMs, undefined, { signal: this.ended.signal }).catch(() => undefined);
    }
  }

  private hasEnded(): boolean {
    return this.ended.signal.aborted;
  }

  /** Which are due is asked by SQL: of all alerts, those without a row elsewhere, or with an older one. */
  private async round(): Promise<void> {
    const due = await this.database.query<{ id: string }[]>(
      `SELECT alert.id FROM alert_handlings alert
       LEFT JOIN attack_summaries kept ON kept.tenant_id = alert.tenant_id AND kept.alert_id = alert.id
       WHERE alert.id <> ALL($1) AND (kept.alert_id IS NULL OR kept.alert_version < alert.version
         OR NOT kept.settled AND kept.made_at < now() - interval '16 minutes')
       ORDER BY alert.created_at DESC LIMIT $2`,
      [this.summaries.failing(), roundMax],
    );
    const handlings = await this.database.manager.findBy(AlertHandling, { id: In(due.map(({ id }) => id)) });
    for (const handling of handlings) {
      if (this.hasEnded()) return;
      await this.summaries.refresh(handling.tenantId, readAttack(handling));
    }
  }
}
