// What was refused to whom, in the audit trail; the same at most once a minute, so that nobody fills it.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { News } from '@norn/base/news';
import { type AuditFact, audit } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { DataSource } from 'typeorm';

const everyMs = 60_000;
const subjectsMax = 10_000;
const logger = createLogger('api');

@Injectable()
export class Refusals {
  private readonly news = new News(everyMs, subjectsMax);

  constructor(private readonly database: DataSource) {}

  /** Never rejects: who was refused is refused, whether the trail can be written or not. */
  async tell(fact: AuditFact): Promise<void> {
    const { tenantId, actor, action, subject } = fact;
    if (!this.news.isNews(JSON.stringify([tenantId, actor, action, subject]))) return;
    await audit(this.database.manager, fact).catch((error: unknown) => {
      logger.error({ code: 'refusal_untold', action, err: error }, messageOf(error));
    });
  }
}
