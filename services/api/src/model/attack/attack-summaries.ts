// What the page of an alert shows of stored events, kept with the alert: opening it reads one row. It is made when the alert changes and when
// somebody opens one that has none; while it is made, or can't be, the page says so and is not held up.
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { backOffMs, messageOf, toHex } from '@norn/base';
import { AttackSummaryRecord } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';
import PQueue from 'p-queue';
import { DataSource, In, IsNull, Not } from 'typeorm';
import { type Attack, isBlamed } from './attack.ts';
import type { ProcessRow } from './attack.queries.ts';
import { type AttackSummary, AttackTelemetry, emptySummary } from './attack-telemetry.ts';
import type { Living } from './process-lives.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** The first view waits no longer than this for one that is being made, ms. */
const waitMs = 700;
/** Summaries made at the same time: each may be a long question to all that a host did. */
const makersMax = 2;
/** Of those that wait to be made; beyond, whoever opens the alert asks for it. */
const queueMax = 1_000;
/** An alert that nothing was added to for this long, ms, does not change any more: its events are stored by then. */
const settledAfterMs = 15 * 60_000;
/** One that may still grow is made again when somebody looks and it is older than this, ms, and than this many times what it took to make. */
const freshMs = 5_000;
const freshTimes = 20;
/** In a list, what runs of one that may still grow is as old as this at most, ms, while there is nothing else to make. */
const listedFreshMs = 15_000;
/** A finding is often here before the rows of its process are: they come within this after its last word, ms, and are looked for this often. */
const rowsWithinMs = 60_000;
const rowsEveryMs = 500;
/** After a failure, until it is tried without being asked to. */
const retryWait = { firstMs: 60_000, mostMs: 30 * 60_000 } as const;
/** Alerts whose failures are remembered. */
const failuresMax = 10_000;

export interface ShownSummary {
  readonly summary: AttackSummary;
  /** It is being made: what is missing comes. */
  readonly pending: boolean;
  /** Why there is none; empty when there is one. */
  readonly problem: string;
}

type Stored = Pick<AttackSummaryRecord, 'alertVersion' | 'madeAt' | 'settled' | 'body'>;
type Making = Omit<Stored, 'body'>;

/** A process of the attack whose end was not known when the summary was made. */
export type Unended = Living & Pick<ProcessRow, 'pid'>;

interface Failure {
  readonly message: string;
  readonly times: number;
  readonly until: number;
}

@Injectable()
export class AttackSummaries {
  private readonly log: Logger = createLogger('api');
  private readonly making = new Map<string, Promise<AttackSummary | undefined>>();
  private readonly failures = new Map<string, Failure>();
  private readonly makers = new PQueue({ concurrency: makersMax });

  constructor(
    private readonly database: DataSource,
    private readonly telemetry: AttackTelemetry,
  ) {}

  /** What is kept, at once. `again`: one that failed is tried although its time has not come. */
  async of(tenantId: string, attack: Attack, again = false): Promise<ShownSummary> {
    const { id } = attack.handling;
    if (again) this.failures.delete(id);
    const stored = await this.stored(tenantId, id);
    const kept = stored === null ? undefined : await unpacked(stored.body);
    if (stored !== null && kept !== undefined) {
      const pending = isAwaiting(kept, attack);
      const freshFor = pending ? rowsEveryMs : Math.max(freshMs, freshTimes * kept.tookMs);
      if (isCurrent(stored, attack, freshFor)) return { summary: kept, pending, problem: '' };
    }
    const made = await this.within(this.make(tenantId, attack));
    if (made !== undefined) return { summary: made, pending: isAwaiting(made, attack), problem: '' };
    const problem = this.failures.get(id)?.message ?? '';
    return { summary: kept ?? emptySummary, pending: this.making.has(id), problem: kept === undefined ? problem : '' };
  }

  /** By alert, of those whose summary is kept. The oldest that may have grown since is made again meanwhile: what began later is not in it. */
  async unended(tenantId: string, attacks: readonly Attack[]): Promise<Map<string, readonly Unended[]>> {
    const byId = new Map(attacks.map((attack) => [attack.handling.id, attack]));
    const rows = await this.database.manager.find(AttackSummaryRecord, {
      select: { tenantId: true, alertId: true, alertVersion: true, madeAt: true, settled: true, unended: true },
      where: { tenantId, alertId: In([...byId.keys()]), unended: Not(IsNull()) },
      order: { madeAt: 'ASC' },
    });
    const isOld = (row: AttackSummaryRecord): boolean => {
      const attack = byId.get(row.alertId);
      return attack !== undefined && !this.isFailing(row.alertId) && !isCurrent(row, attack, listedFreshMs);
    };
    const old = byId.get(rows.find(isOld)?.alertId ?? '');
    if (old !== undefined && this.makers.pending === 0) void this.make(tenantId, old);
    return new Map(rows.map(({ alertId, unended }) => [alertId, unended as Unended[]]));
  }

  /** Of an alert that has changed: so that it is there before somebody opens it. */
  async refresh(tenantId: string, attack: Attack): Promise<void> {
    if (this.makers.size >= queueMax) return;
    const stored = await this.stored(tenantId, attack.handling.id);
    if (stored === null || !isCurrent(stored, attack, freshMs)) await this.make(tenantId, attack);
  }

  /** Alerts whose summary could not be made, and is not tried again yet. */
  failing(): string[] {
    return [...this.failures].filter(([, { until }]) => until > Date.now()).map(([id]) => id);
  }

  /** Undefined when it failed, now or a short while ago. One alert is made once at a time, however many look. */
  private make(tenantId: string, attack: Attack): Promise<AttackSummary | undefined> {
    const { id } = attack.handling;
    const known = this.making.get(id);
    if (known !== undefined) return known;
    if (this.isFailing(id)) return Promise.resolve(undefined);
    const made = this.makers.add(() => this.makeOne(tenantId, attack)).finally(() => this.making.delete(id));
    this.making.set(id, made);
    return made;
  }

  private async makeOne(tenantId: string, attack: Attack): Promise<AttackSummary | undefined> {
    const { id, version } = attack.handling;
    const madeAt = new Date();
    const settled = madeAt.getTime() - attack.lastWordUs / 1000 > settledAfterMs;
    try {
      const summary = await this.telemetry.summary(tenantId, attack);
      await this.keep({ tenantId, id, version, madeAt, settled }, summary, unendedOf(summary, new Set(attack.scopes)));
      this.failures.delete(id);
      return summary;
    } catch (error) {
      this.log.warn({ alert: id, error: messageOf(error) }, 'events of an alert could not be read');
      this.remember(id);
      return undefined;
    }
  }

  private isFailing(id: string): boolean {
    return (this.failures.get(id)?.until ?? 0) > Date.now();
  }

  private remember(id: string): void {
    const before = this.failures.get(id)?.times ?? 0;
    const waitFor = backOffMs(before, retryWait);
    const message =
      'The events of this attack could not be read: stored events are away, or there are more of its host than can be looked through in time. ' +
      `It is tried again in ${Math.round(waitFor / 60_000)} min; what happened, evidence and files do not depend on it.`;
    this.failures.delete(id);
    this.failures.set(id, { message, times: before + 1, until: Date.now() + waitFor });
    const [oldest] = this.failures.keys();
    if (this.failures.size > failuresMax && oldest !== undefined) this.failures.delete(oldest);
  }

  private within(made: Promise<AttackSummary | undefined>): Promise<AttackSummary | undefined> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        resolve(undefined);
      }, waitMs);
      made.then(resolve, reject).finally(() => {
        clearTimeout(late);
      });
    });
  }

  private stored(tenantId: string, id: string): Promise<Stored | null> {
    return this.database.manager.findOne(AttackSummaryRecord, {
      select: { tenantId: true, alertId: true, alertVersion: true, madeAt: true, settled: true, body: true },
      where: { tenantId, alertId: id },
    });
  }

  /** SQL, for the newer of two stays, in one statement. */
  private async keep(
    { tenantId, id, version, madeAt, settled }: Made,
    summary: AttackSummary,
    unended: readonly Unended[],
  ): Promise<void> {
    const body = await compress(JSON.stringify(summary));
    await this.database.query(
      `INSERT INTO attack_summaries (tenant_id, alert_id, alert_version, made_at, settled, body, unended)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (tenant_id, alert_id) DO UPDATE SET alert_version = excluded.alert_version, made_at = excluded.made_at,
         settled = excluded.settled, body = excluded.body, unended = excluded.unended
       WHERE attack_summaries.made_at < excluded.made_at`,
      [tenantId, id, version, madeAt, settled, body, JSON.stringify(unended)],
    );
  }
}

interface Made {
  readonly tenantId: string;
  readonly id: string;
  readonly version: number;
  readonly madeAt: Date;
  readonly settled: boolean;
}

/** Of this version, and made when nothing more could come, or a moment ago. */
function isCurrent({ alertVersion, madeAt, settled }: Making, { handling }: Attack, freshForMs: number): boolean {
  if (alertVersion < handling.version) return false;
  return settled || Date.now() - madeAt.getTime() < freshForMs;
}

/** A process that a finding names is not among the stored rows yet. */
function isAwaiting({ rows }: AttackSummary, { alert, lastWordUs }: Attack): boolean {
  if (Date.now() - lastWordUs / 1000 > rowsWithinMs) return false;
  const known = new Set(rows.map(({ uid }) => uid));
  return alert.findings.some(({ processUid }) => processUid.length === 16 && !known.has(toHex(processUid)));
}

async function unpacked(body: Buffer): Promise<AttackSummary> {
  return JSON.parse((await decompress(body)).toString('utf8')) as AttackSummary;
}

/** Of a process with several images, as it was found last. */
function unendedOf({ rows, ends }: AttackSummary, scopes: ReadonlySet<string>): Unended[] {
  const ended = new Set(ends.map(({ uid }) => uid));
  const left = new Map<string, Unended>();
  for (const row of rows) {
    if (ended.has(row.uid) || !isBlamed(row, scopes)) continue;
    const { uid, pid, containerId, startUs, seenUs } = row;
    const lastUs = Math.max(Number(seenUs), Number(left.get(uid)?.seenUs ?? 0));
    left.set(uid, { uid, pid, containerId, startUs, seenUs: lastUs });
  }
  return [...left.values()];
}
