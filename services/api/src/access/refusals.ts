// What was refused to whom, in the audit trail. The first is told at once, and how many more of the same came a minute later: nobody fills the trail.
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { type AuditFact, audit } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { DataSource } from 'typeorm';

const everyMs = 60_000;
const subjectsMax = 10_000;
/** Of wrong bearer tokens, which anybody can send from as many addresses as he has. */
const addressesMax = 1_000;
const logger = createLogger('api');

interface Told {
  readonly fact: AuditFact;
  readonly timer: NodeJS.Timeout;
  /** After the first. */
  more: number;
}

@Injectable()
export class Refusals implements OnApplicationShutdown {
  private readonly told = new Map<string, Told>();
  private readonly toldByAddress = new Map<string, Told>();
  private readonly writing = new Set<Promise<void>>();

  constructor(private readonly database: DataSource) {}

  /** Never rejects: who was refused is refused, whether the trail can be written or not. */
  async tell(fact: AuditFact): Promise<void> {
    await this.tellWithin(this.told, subjectsMax, fact);
  }

  /** Of a bearer token that is none of ours, so that its tenant is unknown. Never rejects. */
  async tellToken(from: string): Promise<void> {
    const fact = { tenantId: '', actor: 'nobody', action: 'token.refused', subject: from, details: { from } };
    await this.tellWithin(this.toldByAddress, addressesMax, fact);
  }

  /** What was counted is written before the process ends. */
  async onApplicationShutdown(): Promise<void> {
    for (const all of [this.told, this.toldByAddress]) for (const key of [...all.keys()]) this.sumUp(all, key);
    await Promise.all(this.writing);
  }

  /** Of those that are remembered, the oldest is summed up early when there are more than `max`. */
  private async tellWithin(all: Map<string, Told>, max: number, fact: AuditFact): Promise<void> {
    const { tenantId, actor, action, subject, details } = fact;
    const key = JSON.stringify([tenantId, actor, action, subject, details?.reason]);
    const known = all.get(key);
    if (known !== undefined) {
      known.more += 1;
      return;
    }
    if (all.size >= max) this.sumUp(all, all.keys().next().value ?? '');
    // No process lives on for it: what is counted by then is written when it shuts down.
    const timer = setTimeout(() => {
      this.sumUp(all, key);
    }, everyMs).unref();
    all.set(key, { fact, timer, more: 0 });
    await this.write(fact);
  }

  private sumUp(all: Map<string, Told>, key: string): void {
    const known = all.get(key);
    if (known === undefined) return;
    clearTimeout(known.timer);
    all.delete(key);
    const { fact, more } = known;
    if (more > 0) void this.write({ ...fact, details: { ...fact.details, times: more } });
  }

  private async write(fact: AuditFact): Promise<void> {
    const written = audit(this.database.manager, fact).catch((error: unknown) => {
      logger.error({ code: 'refusal_untold', action: fact.action, err: error }, messageOf(error));
    });
    this.writing.add(written);
    await written;
    this.writing.delete(written);
  }
}
