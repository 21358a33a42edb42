// Detection's parts, put together by Nest.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BusProducer, createProducer, offsetRanges, partitionOf } from '@norn/bus';
import { readSignerKey } from '@norn/config';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { PostgresBroughtRules } from './adapters/postgres-brought-rules.ts';
import { KafkaAlertHistory } from './adapters/kafka-alert-history.ts';
import { KafkaBatchHistory } from './adapters/kafka-batch-history.ts';
import { KafkaLineageProgress } from './adapters/kafka-lineage-progress.ts';
import { KafkaOccurrenceHistory } from './adapters/kafka-occurrence-history.ts';
import { PostgresRuleCosts } from './adapters/postgres-rule-costs.ts';
import { PostgresPolicies } from './adapters/postgres-policies.ts';
import { PostgresRuleExceptions } from './adapters/postgres-rule-exceptions.ts';
import { readRulePack } from './adapters/rule-pack.ts';
import { AlertBook } from './alerts/alert-book.ts';
import { createProveAlert } from './alerts/prove-alert.ts';
import { RuleCosts } from './costs/rule-costs.ts';
import { Correlations } from './correlations/correlations.ts';
import type { DetectionConfig } from './detection.config.ts';
import { DetectionController } from './detection.controller.ts';
import { createDetectionPipeline, createRecallPipeline } from './detection.pipeline.ts';
import { Detector } from './detector.ts';
import { limits } from './limits.ts';
import { monotonicNs } from './costs/monotonic-clock.ts';
import { noBroughtRules } from './ports/brought-rules.port.ts';
import { FindingRates } from './rates/finding-rates.ts';
import { TenantAlerts } from './tenants/tenant-alerts.ts';
import { TenantClock } from './tenants/tenant-clock.ts';
import { TenantCorrelations } from './tenants/tenant-correlations.ts';
import { TenantDetector } from './tenants/tenant-detector.ts';
import { createTenantPipeline } from './tenants/tenant.pipeline.ts';

/** Members share the lineage topic's partitions. */
export const GROUP_ID = 'norn.detection';

const CONFIG = Symbol('DetectionConfig');
const PRODUCER = Symbol('BusProducer');
const TENANTS_OWN = Symbol('TenantsOwn');
const COSTS = Symbol('RuleCosts');

/** Lets go of what is open after the consumer has stopped. */
@Injectable()
export class DetectionLifecycle implements OnApplicationShutdown {
  private readonly costs: PostgresRuleCosts | undefined;

  constructor(
    @Inject(CONFIG) config: DetectionConfig,
    @Inject(PRODUCER) private readonly producer: BusProducer,
    @Inject(TENANTS_OWN) private readonly own: TenantsOwn,
    @Inject(COSTS) costs: RuleCosts,
  ) {
    this.costs = config.postgresPasswordFile === '' ? undefined : new PostgresRuleCosts(config, costs);
    this.costs?.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.producer.close();
    const { brought, exceptions, policies } = this.own;
    await Promise.all([this.costs?.close(), brought?.close(), exceptions?.close(), policies?.close()]);
  }
}

@Module({})
export class DetectionModule {
  static register(config: DetectionConfig): DynamicModule {
    return {
      module: DetectionModule,
      controllers: [DetectionController],
      providers: [
        { provide: CONFIG, useValue: config },
        {
          provide: PRODUCER,
          useFactory: () => createProducer(config, { signer: 'detection', clientId: 'norn-detection', lingerMs: 5 }),
        },
        { provide: TENANTS_OWN, useFactory: openTenantsOwn, inject: [CONFIG] },
        { provide: COSTS, useFactory: () => new RuleCosts() },
        { provide: Detector, useFactory: createDetector, inject: [CONFIG, PRODUCER, TENANTS_OWN, COSTS] },
        { provide: TenantSide, useFactory: createTenantSide, inject: [CONFIG, PRODUCER, TENANTS_OWN] },
        DetectionLifecycle,
      ],
    };
  }
}

/** What counts over all hosts of a tenant, and its clock. */
export class TenantSide {
  constructor(
    readonly detector: TenantDetector,
    readonly clock: TenantClock,
  ) {}
}

/** What tenants say themselves, out of the control plane. */
interface TenantsOwn {
  readonly brought?: PostgresBroughtRules;
  readonly exceptions?: PostgresRuleExceptions;
  readonly policies?: PostgresPolicies;
}

/** Without a control plane there is nothing of theirs. */
async function openTenantsOwn(config: DetectionConfig): Promise<TenantsOwn> {
  if (config.postgresPasswordFile === '') return {};
  const own = {
    brought: new PostgresBroughtRules(config, readRulePack().rules),
    exceptions: new PostgresRuleExceptions(config),
    policies: new PostgresPolicies(config),
  };
  await Promise.all(Object.values(own).map((each) => each.open()));
  return own;
}

async function createDetector(
  config: DetectionConfig,
  producer: BusProducer,
  own: TenantsOwn,
  costs: RuleCosts,
): Promise<Detector> {
  const partitions = (await offsetRanges(config, 'lineage')).length;
  const ruleSet = readRulePack();
  const engine = new RuleEngine(ruleSet.rules, { clock: monotonicNs });
  const book = new AlertBook(BigInt(config.alertWindowMs) * 1000n);
  const correlations = new Correlations(new CorrelationSet(ruleSet), config.correlationHoldBackMs);
  const rates = new FindingRates();
  const judged = { engine, correlations, rates, ...own };
  return new Detector({
    pipeline: createDetectionPipeline({ ...judged, book, costs }),
    recall: createRecallPipeline(judged),
    book,
    correlations,
    rates,
    history: new KafkaAlertHistory(config),
    batches: new KafkaBatchHistory(config, () =>
      Math.max(correlations.spanMs, own.brought?.spanMs ?? 0, Number(limits.rates.hourUs / 1000n)),
    ),
    outputs: producer,
    proveAlert: createProveAlert(readSignerKey(config.secretsDir, 'detection')),
    partitionOf: (hostKey) => partitionOf(hostKey, partitions),
    nowMs: Date.now,
  });
}

async function createTenantSide(config: DetectionConfig, producer: BusProducer, own: TenantsOwn): Promise<TenantSide> {
  const partitions = (await offsetRanges(config, 'occurrences')).length;
  const set = new CorrelationSet(readRulePack());
  const brought = own.brought ?? noBroughtRules;
  const correlations = new TenantCorrelations(set, brought, config.tenantHoldBackMs);
  const alerts = new TenantAlerts(BigInt(config.alertWindowMs) * 1000n);
  const parts = { correlations, alerts, rates: new FindingRates(), ...own };
  const spanMs = (): number => Math.max(set.spanMs, own.brought?.spanMs ?? 0) + config.alertWindowMs;
  const detector = new TenantDetector({
    ...parts,
    pipeline: createTenantPipeline(parts),
    history: new KafkaOccurrenceHistory(config, spanMs),
    outputs: producer,
    proveAlert: createProveAlert(readSignerKey(config.secretsDir, 'detection')),
    partitionOf: (tenantId) => partitionOf(tenantId, partitions),
  });
  const progress = new KafkaLineageProgress(config, GROUP_ID);
  return new TenantSide(detector, new TenantClock({ correlations, progress, outputs: producer, nowMs: Date.now }));
}
