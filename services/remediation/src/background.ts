// What remediation does without being asked: the outbox relay, the sweep of deadlines, the seals of the trail.
import type { OnApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import type { RunsBeside } from '@norn/stage';
import { type ControlStoreConfig, type Listener, OUTBOX_CHANNEL, listenTo, sealAudit } from '@norn/store';
import type { ProofKeys } from '@norn/response';
import type { Logger } from '@norn/telemetry';
import type { DataSource } from 'typeorm';
import type { CommandKey } from './adapters/command-key.ts';
import { HostPolicyKeeper } from './adapters/host-policy-keeper.ts';
import { type Send, relayOutbox } from './adapters/postgres-outbox.ts';
import { forgetOld, sweepDeadlines } from './adapters/sweep-deadlines.ts';
import { limits } from './limits.ts';
import { Recurring } from './recurring.ts';

export interface BackgroundParts {
  readonly config: ControlStoreConfig;
  readonly source: DataSource;
  readonly send: Send;
  readonly logger: Logger;
  readonly proofKeys: ProofKeys;
  readonly commandKey: CommandKey;
}

const HOUR_MS = 3_600_000;

export class Background implements RunsBeside, OnModuleDestroy, OnApplicationShutdown {
  private readonly works: readonly Recurring[];
  private readonly relay: Recurring;
  private listener: Listener | undefined;
  private closing: Promise<void> = Promise.resolve();

  constructor(private readonly parts: BackgroundParts) {
    const { source, logger, commandKey } = parts;
    const hostPolicies = new HostPolicyKeeper(source, () => commandKey.keyId(), logger);
    this.relay = new Recurring({
      name: 'relay',
      everyMs: limits.outboxPollMs,
      logger,
      work: async () => (await relayOutbox(parts)) > 0,
    });
    const sweep = new Recurring({
      name: 'sweep',
      everyMs: limits.sweepMs,
      logger,
      work: async () => (await sweepDeadlines(source)).expired >= limits.sweepMax,
    });
    const forget = new Recurring({
      name: 'forget',
      everyMs: HOUR_MS,
      logger,
      work: async () => {
        await forgetOld(source);
        return false;
      },
    });
    const policies = new Recurring({
      name: 'policies',
      everyMs: limits.policiesMs,
      logger,
      work: async () => {
        await hostPolicies.keep();
        return false;
      },
    });
    const seal = new Recurring({ name: 'seal', everyMs: limits.sealMs, logger, work: () => sealAudit(source) });
    this.works = [this.relay, sweep, forget, policies, seal];
  }

  async start(): Promise<void> {
    this.listener = await listenTo(this.parts.config, OUTBOX_CHANNEL, () => {
      this.relay.wake();
    });
    for (const work of this.works) work.start();
  }

  /** Not waited for here: a relay that waits for the broker gives up when the producer closes, and its entries stay in the outbox. */
  onModuleDestroy(): void {
    this.closing = this.close();
    // It is told of in `onApplicationShutdown`.
    this.closing.catch(() => undefined);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.closing;
  }

  private async close(): Promise<void> {
    await this.listener?.close();
    await Promise.all(this.works.map((work) => work.close()));
  }
}
