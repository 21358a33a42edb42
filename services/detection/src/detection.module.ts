// Detection's parts, put together by Nest.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BusProducer, createProducer, offsetRanges, partitionOf } from '@norn/bus';
import { RuleEngine } from '@norn/rules';
import { PostgresBroughtRules } from './adapters/postgres-brought-rules.ts';
import { KafkaAlertHistory } from './adapters/kafka-alert-history.ts';
import { KafkaBatchHistory } from './adapters/kafka-batch-history.ts';
import { PostgresPolicies } from './adapters/postgres-policies.ts';
import { PostgresRuleExceptions } from './adapters/postgres-rule-exceptions.ts';
import { readRulePack } from './adapters/rule-pack.ts';
import { AlertBook } from './alerts/alert-book.ts';
import { Correlations } from './correlations/correlations.ts';
import type { DetectionConfig } from './detection.config.ts';
import { DetectionController } from './detection.controller.ts';
import { createDetectionPipeline, createRecallPipeline } from './detection.pipeline.ts';
import { Detector } from './detector.ts';
import { limits } from './limits.ts';
import { FindingRates } from './rates/finding-rates.ts';

const CONFIG = Symbol('DetectionConfig');
const PRODUCER = Symbol('BusProducer');
const TENANTS_OWN = Symbol('TenantsOwn');

/** Lets go of what is open after the consumer has stopped. */
@Injectable()
export class DetectionLifecycle implements OnApplicationShutdown {
  constructor(
    @Inject(PRODUCER) private readonly producer: BusProducer,
    @Inject(TENANTS_OWN) private readonly own: TenantsOwn,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.producer.close();
    const { brought, exceptions, policies } = this.own;
    await Promise.all([brought?.close(), exceptions?.close(), policies?.close()]);
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
        { provide: PRODUCER, useFactory: () => createProducer(config, { clientId: 'norn-detection', lingerMs: 5 }) },
        { provide: TENANTS_OWN, useFactory: openTenantsOwn, inject: [CONFIG] },
        { provide: Detector, useFactory: createDetector, inject: [CONFIG, PRODUCER, TENANTS_OWN] },
        DetectionLifecycle,
      ],
    };
  }
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
    brought: new PostgresBroughtRules(config),
    exceptions: new PostgresRuleExceptions(config),
    policies: new PostgresPolicies(config),
  };
  await Promise.all(Object.values(own).map((each) => each.open()));
  return own;
}

async function createDetector(config: DetectionConfig, producer: BusProducer, own: TenantsOwn): Promise<Detector> {
  const partitions = (await offsetRanges(config, 'lineage')).length;
  const ruleSet = readRulePack();
  const engine = new RuleEngine(ruleSet.rules, { clock: () => performance.now() * 1e6 });
  const book = new AlertBook(BigInt(config.alertWindowMs) * 1000n);
  const correlations = new Correlations(ruleSet, config.correlationHoldBackMs);
  const rates = new FindingRates();
  const judged = { engine, correlations, rates, ...own };
  return new Detector({
    pipeline: createDetectionPipeline({ ...judged, book }),
    recall: createRecallPipeline(judged),
    book,
    correlations,
    rates,
    history: new KafkaAlertHistory(config),
    batches: new KafkaBatchHistory(config, Math.max(correlations.spanMs, Number(limits.rates.hourUs / 1000n))),
    outputs: producer,
    partitionOf: (hostKey) => partitionOf(hostKey, partitions),
  });
}
