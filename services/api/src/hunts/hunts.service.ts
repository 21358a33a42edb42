// Runs a rule over stored events.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import {
  CorrelationHunt,
  type CorrelationRule,
  type Hunt,
  type Rule,
  type RuleFile,
  type RuleSet,
  broughtParts,
  compileHunt,
  kernelColumns,
  readBrought,
  readRules,
} from '@norn/rules';
import { type ImportedRule, audit, importedRules } from '@norn/store';
import { createHash } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { HuntReader } from '../model/hunting/hunt-reader.ts';
import type { HuntWindow } from '../model/hunting/hunting.queries.ts';
import { type PackRule, RulePack } from '../model/rule-pack.ts';
import { type HuntedRule, eventsView, histogramView, huntRuleView } from './hunts.view.ts';
import { timeOf } from '../model/words.ts';
import { type Read, correlationView, huntCorrelation } from './correlation-hunts.ts';
import { HuntProgress, type TellProgress } from './hunt-progress.ts';
import {
  type BucketRow,
  type FoundRow,
  type ImageRow,
  foundQuery,
  histogramQuery,
  imagesQuery,
} from './hunts.queries.ts';
import { type HuntBody, bucketOf, huntLimits, windowOf } from './hunts.request.ts';

@Injectable()
export class HuntsService {
  constructor(
    private readonly pack: RulePack,
    private readonly control: ControlPlane,
    private readonly reader: HuntReader,
    private readonly database: DataSource,
  ) {}

  rules(): view.HuntRuleView[] {
    return this.pack.rules.map(huntRuleView);
  }

  /**
   * Throws `rule_invalid`, `rule_unknown`, `input_invalid` before anything is asked; `hunts_exhausted`, `hunt_too_large`,
   * `telemetry_unavailable`. Who asks for what is in the trail before the answer is looked for.
   */
  async run(
    { tenantId, userName }: Principal,
    body: HuntBody,
    { signal, tell }: Watching = {},
  ): Promise<view.HuntView> {
    const asked = await this.ruleOf(tenantId, body);
    const { name, rule } = asked;
    const window = windowOf(body, new Date());
    const read: Read = (query) => this.reader.read(tenantId, query, { signal });
    const scan = (scans: number): Read => this.scan(tenantId, scans, { signal, tell });
    const question = { tenantId, window, limit: body.limit, read, scan };
    // Compiled before it takes its turn: what is wrong with it is told at once.
    const look =
      rule.kind === 'correlation'
        ? () => this.correlate(question, { name, rule, ruleSet: asked.ruleSet })
        : this.looker(question, { name, rule, hunt: compileHunt(rule, kernelColumns) });
    const details = { since: timeOf(window.sinceUs), until: timeOf(window.untilUs), ...asTraced(body) };
    await audit(this.database.manager, {
      tenantId,
      actor: userName,
      action: 'hunt.run',
      subject: rule.id || rule.title,
      details,
    });
    return this.reader.inTurn(tenantId, look, signal);
  }

  private looker(
    { tenantId, window, limit, read, scan }: Question,
    { name, rule, hunt }: { readonly name: string; readonly rule: Rule; readonly hunt: Hunt },
  ): () => Promise<view.HuntView> {
    return async () => {
      const started = performance.now();
      const seconds = bucketOf(window);
      const look = scan(2);
      const [buckets, rows, hostNames] = await Promise.all([
        look<BucketRow>(histogramQuery(hunt, window, seconds)),
        look<FoundRow>(foundQuery(hunt, window, limit)),
        this.control.hostNames(tenantId),
      ]);
      const uids = [...new Set(rows.map(({ uid }) => uid))];
      const images = uids.length === 0 ? [] : await read<ImageRow>(imagesQuery(uids));
      const total = buckets.reduce((sum, { events }) => sum + Number(events), 0);
      return create(view.HuntViewSchema, {
        ...head({ name, rule }, window),
        total,
        bucketSeconds: seconds,
        histogram: histogramView(buckets, window, seconds),
        events: eventsView(rule, rows, { images, hostNames }),
        truncated: total > rows.length,
        tookMs: Math.round(performance.now() - started),
      });
    };
  }

  private async correlate(
    { tenantId, window, limit, read, scan }: Question,
    { name, rule, ruleSet }: { readonly name: string; readonly rule: CorrelationRule; readonly ruleSet: RuleSet },
  ): Promise<view.HuntView> {
    const started = performance.now();
    const seconds = bucketOf(window);
    const hostNames = await this.control.hostNames(tenantId);
    const { matches, eventsRead, readUntilUs } = await huntCorrelation(rule, ruleSet, { window, read, scan });
    const buckets = Map.groupBy(matches, ({ match }) => Math.floor(match.untilMs / 1000 / seconds));
    const rows = [...buckets].map(([bucket, some]) => ({ bucket, events: some.length }));
    const newest = matches.slice(-limit).reverse();
    return create(view.HuntViewSchema, {
      ...head({ name, rule }, window),
      total: matches.length,
      bucketSeconds: seconds,
      histogram: histogramView(rows, window, seconds),
      events: newest.flatMap((each) => correlationView(each, hostNames)),
      truncated: matches.length > limit,
      tookMs: Math.round(performance.now() - started),
      eventsRead,
      readUntil: readUntilUs < window.untilUs ? timeOf(readUntilUs) : '',
    });
  }

  private async ruleOf(tenantId: string, { rule, text, file }: HuntBody): Promise<AskedRule> {
    if (text !== undefined) return ruleIn({ name: file, text }, this.pack.ruleSet);
    const found = this.pack.find(rule ?? '');
    if (found) return { ...found, ruleSet: this.pack.ruleSet };
    const brought = broughtRule(await importedRules(this.database, tenantId), rule ?? '', this.pack.ruleSet);
    if (brought) return brought;
    const known = this.pack.rules.map(({ name }) => name).join(', ');
    throw new NornError(
      'rule_unknown',
      `No rule of the pack, and none that you imported, is called "${rule ?? ''}": the pack has ${known}`,
    );
  }

  /** For that many questions that look through all of the time. */
  private scan(tenantId: string, scans: number, { signal, tell }: Watching): Read {
    if (tell === undefined) return (query) => this.reader.read(tenantId, query, { signal });
    const progress = new HuntProgress(scans, tell);
    return (query) => progress.follow((onProgress) => this.reader.read(tenantId, query, { signal, onProgress }));
  }
}

/** A rule of the pack by its name; of another its beginning, and by which sum it is known again. */
function asTraced({ rule, text }: HuntBody): Readonly<Record<string, string>> {
  if (text === undefined) return { rule: rule ?? '' };
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { text: text.slice(0, huntLimits.tracedCharsMax), sha256 };
}

interface Question {
  readonly tenantId: string;
  readonly window: HuntWindow;
  readonly limit: number;
  readonly read: Read;
  readonly scan: (scans: number) => Read;
}

/** Who waits for the answer. */
export interface Watching {
  /** Ends the hunt when nobody does any more. */
  readonly signal?: AbortSignal | undefined;
  /** Told how far it is. */
  readonly tell?: TellProgress | undefined;
}

interface AskedRule extends PackRule {
  /** What a correlation may be about. */
  readonly ruleSet: RuleSet;
}

/** By its id or title, with the filters that it has when it runs. Throws `rule_invalid` for one that no event here can be asked. */
function broughtRule(rows: readonly ImportedRule[], called: string, pack: RuleSet): AskedRule | undefined {
  const asked = called.toLowerCase();
  const row = rows.find(({ ruleId, title }) => [ruleId, title].some((known) => known.toLowerCase() === asked));
  if (!row) return undefined;
  const running = rows.map(({ state, ...one }) => ({ ...one, state: state === 'off' ? ('observe' as const) : state }));
  const { rules, correlations } = broughtParts(running, pack.rules, () => undefined);
  const all = [...rules, ...(correlations?.correlations ?? [])];
  const rule = all.find(({ id }) => id === row.ruleId) ?? readBrought(row);
  if (rule.kind === 'filter')
    throw new NornError(
      'rule_invalid',
      `${row.file}: ${row.title} is a filter, and finds nothing by itself: hunt for a rule`,
    );
  return {
    name: '',
    rule,
    ruleSet: { rules: [...rules, ...pack.rules], correlations: correlations?.correlations ?? [] },
  };
}

function head(found: HuntedRule, { sinceUs, untilUs }: HuntWindow) {
  return { rule: huntRuleView(found), since: timeOf(sinceUs), until: timeOf(untilUs) };
}

/** One rule, or one correlation with what rules of its own it has; it may be about the pack's, too. Throws `rule_invalid`. */
function ruleIn(given: RuleFile, pack: RuleSet): AskedRule {
  const { rules, correlations } = readRules([given]);
  const ruleSet = { rules: [...rules, ...pack.rules], correlations };
  const [rule, ...others] = correlations.length > 0 ? correlations : rules;
  if (!rule || others.length > 0) {
    const what = correlations.length > 0 ? `${correlations.length} correlations` : `${rules.length} rules`;
    throw new NornError(
      'rule_invalid',
      `${given.name}: here are ${what}, and a hunt is for one rule or correlation: give that alone`,
    );
  }
  if (rule.kind === 'correlation') {
    // What is wrong with it or its rules is told before anything is asked.
    for (const part of new CorrelationHunt(rule, ruleSet).parts) compileHunt(part, kernelColumns);
  }
  return { name: '', rule, ruleSet };
}
