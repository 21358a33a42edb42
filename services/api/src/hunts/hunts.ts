// Runs a rule over stored events.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import { type Hunt, compileHunt, kernelColumns, readRules, type Rule } from '@norn/rules';
import type { TenantQueryParts } from '@norn/store';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../adapters/control-plane.ts';
import { type PackRule, RulePack } from '../adapters/rule-pack.ts';
import { Telemetry } from '../ports/telemetry.port.ts';
import { eventsView, histogramView, huntRuleView } from '../views/hunt-view.ts';
import { timeOf } from '../views/words.ts';
import { huntProblem } from './hunt-problems.ts';
import {
  type BucketRow,
  type CountRow,
  countQuery,
  type FoundRow,
  type ImageRow,
  foundQuery,
  histogramQuery,
  imagesQuery,
} from './hunt-queries.ts';
import { type HuntBody, type HuntWindow, bucketOf, windowOf } from './hunt-request.ts';
import { Turns } from './turns.ts';

@Injectable()
export class Hunts {
  private readonly turns = new Turns();

  constructor(
    private readonly pack: RulePack,
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
  ) {}

  rules(): view.HuntRuleView[] {
    return this.pack.rules.map(huntRuleView);
  }

  /**
   * Throws `rule_invalid`, `rule_unknown`, `input_invalid` before anything is asked; `hunts_exhausted`, `hunt_too_large`,
   * `telemetry_unavailable`. `signal` ends it when nobody waits for the answer.
   */
  async run({ tenantId }: Principal, body: HuntBody, signal?: AbortSignal): Promise<view.HuntView> {
    const found = this.ruleOf(body);
    const hunt = compileHunt(found.rule, kernelColumns);
    const window = windowOf(body, new Date());
    return this.turns.take(
      tenantId,
      () => this.look({ tenantId, found, hunt, window, limit: body.limit, signal }),
      signal,
    );
  }

  /** How many events of that time the rules find, each event once for each rule. Throws as `run` does. */
  async count(
    { tenantId }: Principal,
    rules: readonly Rule[],
    window: HuntWindow,
    signal?: AbortSignal,
  ): Promise<number> {
    const hunts = rules.map((rule) => compileHunt(rule, kernelColumns));
    return this.turns.take(
      tenantId,
      async () => {
        let events = 0;
        for (const hunt of hunts) {
          const [row] = await this.read<CountRow>(tenantId, countQuery(hunt, window), signal);
          events += Number(row?.events ?? 0);
        }
        return events;
      },
      signal,
    );
  }

  private async look({ tenantId, found, hunt, window, limit, signal }: Question): Promise<view.HuntView> {
    const started = performance.now();
    const seconds = bucketOf(window);
    const read = <Row>(query: TenantQueryParts): Promise<Row[]> => this.read<Row>(tenantId, query, signal);
    const [buckets, rows, hostNames] = await Promise.all([
      read<BucketRow>(histogramQuery(hunt, window, seconds)),
      read<FoundRow>(foundQuery(hunt, window, limit)),
      this.control.hostNames(tenantId),
    ]);
    const uids = [...new Set(rows.map(({ uid }) => uid))];
    const images = uids.length === 0 ? [] : await read<ImageRow>(imagesQuery(uids));
    const total = buckets.reduce((sum, { events }) => sum + Number(events), 0);
    return create(view.HuntViewSchema, {
      rule: huntRuleView(found),
      since: timeOf(window.sinceUs),
      until: timeOf(window.untilUs),
      total,
      bucketSeconds: seconds,
      histogram: histogramView(buckets, window, seconds),
      events: eventsView(found.rule, rows, { images, hostNames }),
      truncated: total > rows.length,
      tookMs: Math.round(performance.now() - started),
    });
  }

  private ruleOf({ rule, text, file }: HuntBody): PackRule {
    if (text !== undefined) return { name: '', rule: ruleIn(file, text) };
    const found = this.pack.find(rule ?? '');
    if (found) return found;
    const known = this.pack.rules.map(({ name }) => name).join(', ');
    throw new NornError('rule_unknown', `No rule of the pack is called "${rule ?? ''}": known are ${known}`);
  }

  private async read<Row>(tenantId: string, query: TenantQueryParts, signal?: AbortSignal): Promise<Row[]> {
    try {
      return await this.telemetry.rows<Row>(tenantId, query, signal);
    } catch (error) {
      throw huntProblem(error);
    }
  }
}

interface Question {
  readonly tenantId: string;
  readonly found: PackRule;
  readonly hunt: Hunt;
  readonly window: HuntWindow;
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** Throws `rule_invalid`. */
function ruleIn(file: string, text: string): Rule {
  const { rules, correlations } = readRules([{ name: file, text }]);
  const [rule, second] = rules;
  if (rule && !second && correlations.length === 0) return rule;
  const what = correlations.length > 0 ? 'a correlation counts what rules find' : `here are ${rules.length} rules`;
  throw new NornError('rule_invalid', `${file}: ${what}, and a hunt is for one rule: give that alone`);
}
