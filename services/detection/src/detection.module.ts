// What detection consists of.
import { type DynamicModule, Module } from '@nestjs/common';
import { type BusProducer, groupIdOf, offsetRanges, partitionOf } from '@norn/bus';
import { readSignerKey } from '@norn/config';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { PRODUCER, STAGE_CONFIG, type StageContext, StageModule, createStage } from '@norn/stage';
import { KafkaAlertHistory } from './adapters/kafka-alert-history.ts';
import { KafkaBatchHistory } from './adapters/kafka-batch-history.ts';
import { KafkaLineageProgress } from './adapters/kafka-lineage-progress.ts';
import { KafkaOccurrenceHistory } from './adapters/kafka-occurrence-history.ts';
import { ControlPlane, ControlPlaneModule } from './adapters/control-plane.ts';
import { PostgresHostTroubles } from './adapters/postgres-host-troubles.ts';
import { PostgresRuleCosts } from './adapters/postgres-rule-costs.ts';
import { readRulePack } from './adapters/rule-pack.ts';
import { TenantsOwn } from './adapters/tenants-own.ts';
import { AlertBook } from './alerts/alert-book.ts';
import { createProveAlert } from './alerts/prove-alert.ts';
import { RuleCosts } from './costs/rule-costs.ts';
import { Correlations } from './correlations/correlations.ts';
import { type DetectionConfig, loadDetectionConfig } from './detection.config.ts';
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
import { TenantController } from './tenants/tenant.controller.ts';
import { createTenantPipeline } from './tenants/tenant.pipeline.ts';
import { HostWatch } from './watch/host-watch.ts';

/** A batch waits at most this long for others at the broker, ms: alerts are on this path. */
const maxWaitMs = 20;
const minBytes = 64 * 1024;

@Module({
  imports: [ControlPlaneModule],
  controllers: [DetectionController, TenantController],
  providers: [
    TenantsOwn,
    PostgresRuleCosts,
    RuleCosts,
    { provide: Detector, useFactory: createDetector, inject: [STAGE_CONFIG, PRODUCER, TenantsOwn, RuleCosts] },
    { provide: TenantCorrelations, useFactory: createTenantCorrelations, inject: [STAGE_CONFIG, TenantsOwn] },
    {
      provide: TenantDetector,
      useFactory: createTenantDetector,
      inject: [STAGE_CONFIG, PRODUCER, TenantsOwn, TenantCorrelations],
    },
    { provide: TenantClock, useFactory: createTenantClock, inject: [STAGE_CONFIG, PRODUCER, TenantCorrelations] },
    { provide: HostWatch, useFactory: createHostWatch, inject: [STAGE_CONFIG, PRODUCER, ControlPlane] },
  ],
})
export class DetectionModule {
  static forStage(context: StageContext): DynamicModule {
    const consumers = [
      { partitions: DetectionController, minBytes, maxWaitMs },
      // The second, small one: what counts over all hosts of a tenant.
      { row: 'tenant-detection', partitions: TenantController, maxWaitMs },
    ];
    return {
      module: DetectionModule,
      imports: [
        StageModule.forRoot({
          ...context,
          config: loadDetectionConfig,
          consumers,
          producer: { lingerMs: 5 },
          beside: [TenantClock, HostWatch],
        }),
      ],
    };
  }
}

export const detection = createStage('detection', DetectionModule);

async function createDetector(
  config: DetectionConfig,
  producer: BusProducer,
  { parts: own }: TenantsOwn,
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

function createTenantCorrelations(config: DetectionConfig, { parts: own }: TenantsOwn): TenantCorrelations {
  const set = new CorrelationSet(readRulePack());
  return new TenantCorrelations(set, own.brought ?? noBroughtRules, config.tenantHoldBackMs);
}

async function createTenantDetector(
  config: DetectionConfig,
  producer: BusProducer,
  { parts: own }: TenantsOwn,
  correlations: TenantCorrelations,
): Promise<TenantDetector> {
  const partitions = (await offsetRanges(config, 'occurrences')).length;
  const { spanMs: ownSpanMs } = new CorrelationSet(readRulePack());
  const alerts = new TenantAlerts(BigInt(config.alertWindowMs) * 1000n);
  const parts = { correlations, alerts, rates: new FindingRates(), ...own };
  const spanMs = (): number => Math.max(ownSpanMs, own.brought?.spanMs ?? 0) + config.alertWindowMs;
  return new TenantDetector({
    ...parts,
    pipeline: createTenantPipeline(parts),
    history: new KafkaOccurrenceHistory(config, spanMs),
    outputs: producer,
    proveAlert: createProveAlert(readSignerKey(config.secretsDir, 'detection')),
    partitionOf: (tenantId) => partitionOf(tenantId, partitions),
  });
}

function createTenantClock(
  config: DetectionConfig,
  outputs: BusProducer,
  correlations: TenantCorrelations,
): TenantClock {
  const progress = new KafkaLineageProgress(config, groupIdOf({ name: 'detection' }));
  return new TenantClock({ correlations, progress, outputs, nowMs: Date.now });
}

/** Without a control plane nobody knows which hosts there are. */
function createHostWatch(config: DetectionConfig, outputs: BusProducer, control: ControlPlane): HostWatch {
  const troubles = config.postgresPasswordFile === '' ? undefined : new PostgresHostTroubles(control);
  return new HostWatch({ troubles, outputs, nowMs: Date.now });
}
