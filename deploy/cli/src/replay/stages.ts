// The stages between ingest and the alerts, in this process: their own flows, with memory where a live one has the broker.
import { NornError } from '@norn/base';
import { type BusRecord, type Following, type TopicName, recordKey } from '@norn/bus';
import { BatchWriter, shareColumns } from '@norn/contracts';
import type { BatchAlerts, TenantReplay } from '@norn/detection';
import type { HostDirectories } from '@norn/enrichment';
import type { DeadLetter, Pipeline, PipelineResult } from '@norn/pipeline';
import type { Forest, Forests } from '@norn/process-tree';
import { CorrelationSet, RuleEngine, type RuleSet } from '@norn/rules';
import type { HostBatch } from './input/batch-builder.ts';

export interface StagesOptions {
  readonly ruleSet: RuleSet;
  /** How much later than others an event may come. */
  readonly holdBackMs: number;
  /** Findings of one lineage within it are one alert; event time. */
  readonly alertWindowMs: number;
  /** What came of a batch. */
  readonly onDetected: (result: BatchAlerts) => void;
  /** What was counted over all hosts of a tenant. */
  readonly onCounted?: (result: Detected) => void;
  /** What a stage would have dead-lettered. */
  readonly onRefused: (refusal: Refusal) => void;
}

/** Of a batch, or of all hosts of a tenant: then without events. */
export interface Detected extends Pick<BatchAlerts, 'findings' | 'alerts'> {
  readonly record: { readonly key: string };
  readonly batch?: BatchAlerts['batch'];
}

export interface Refusal {
  readonly stage: string;
  readonly hostKey: string;
  readonly code: string;
  readonly message: string;
}

function standsWith({ tenantId, hostId }: { tenantId: string; hostId: string }): Pick<Detected, 'record'> {
  return { record: { key: recordKey(tenantId, hostId) } };
}

/** Batches that go through the stages together. */
const togetherMax = 16;

/** One partition, prepared from the start: a replay begins with an empty one. */
class ForestsInMemory implements Forests {
  constructor(private readonly forest: Forest) {}

  forestOf(): Forest {
    return this.forest;
  }
}

/** What a stage sends is handed to the next one; what it refuses is told of. */
const handedOn = { send: (): Promise<void> => Promise.resolve() };

interface Flows {
  readonly enrich: Pipeline<BusRecord, Following>;
  readonly grow: Pipeline<BusRecord, Following>;
  readonly detect: Pipeline<BusRecord, BatchAlerts, DeadLetter>;
}

interface Parts {
  readonly options: StagesOptions;
  readonly flows: Flows;
  readonly tenants: TenantReplay;
  readonly directories: HostDirectories;
  /** After this long nothing that correlations await can come any more. */
  readonly silenceMs: number;
}

/** Where a host's stream of batches has come to. */
interface Heard {
  readonly latestUs: number;
  readonly streamId: Uint8Array;
  readonly batchSeq: number;
}

export class ReplayStages {
  private waiting: BusRecord[] = [];
  private offset = 0;
  /** By key. */
  private readonly heard = new Map<string, Heard>();

  private readonly options: StagesOptions;
  private readonly flows: Flows;
  private readonly tenants: TenantReplay;
  private readonly silenceMs: number;
  /** What enrichment knows of the hosts. */
  readonly directories: HostDirectories;

  private constructor({ options, flows, tenants, silenceMs, directories }: Parts) {
    this.options = options;
    this.flows = flows;
    this.tenants = tenants;
    this.silenceMs = silenceMs;
    this.directories = directories;
  }

  /** The stages are loaded here: they are much for every other command. */
  static async load(options: StagesOptions): Promise<ReplayStages> {
    shareColumns();
    const [{ HostDirectories, createEnrichmentPipeline }, { Forest, createProcessTreePipeline }, detection] =
      await Promise.all([import('@norn/enrichment'), import('@norn/process-tree'), import('@norn/detection')]);
    const directories = new HostDirectories();
    const book = new detection.AlertBook(BigInt(options.alertWindowMs) * 1000n);
    const set = new CorrelationSet(options.ruleSet);
    const correlations = new detection.Correlations(set, options.holdBackMs);
    const engine = new RuleEngine(options.ruleSet.rules);
    const flows = {
      enrich: createEnrichmentPipeline(directories, handedOn),
      grow: createProcessTreePipeline(new ForestsInMemory(new Forest()), handedOn),
      detect: detection.createDetectionPipeline({ engine, correlations, book }),
    };
    const tenants = detection.createTenantReplay(set, options.alertWindowMs);
    return new ReplayStages({ options, flows, directories, tenants, silenceMs: set.spanMs + options.holdBackMs + 1 });
  }

  async take({ hostKey, bytes }: HostBatch): Promise<void> {
    this.waiting.push({ topic: 'raw', partition: 0, offset: this.offset, key: hostKey, value: bytes, headers: {} });
    this.offset += 1;
    if (this.waiting.length >= togetherMax) await this.run();
  }

  /** Nothing more comes: each host is heard once more, without events, when what its correlations await is over. */
  async end(): Promise<void> {
    await this.run();
    const words = [...this.heard].map(([key, { latestUs, streamId, batchSeq }]): BusRecord => {
      const value = new BatchWriter(latestUs + this.silenceMs * 1000).finish({ streamId, batchSeq: batchSeq + 1 });
      return { topic: 'lineage', partition: 0, offset: this.offset, key, value, headers: {} };
    });
    await this.detect(words);
    for (const { findings, alerts } of await this.tenants.end()) {
      for (const each of findings) this.options.onCounted?.({ ...standsWith(each), findings: [each], alerts: [] });
      for (const each of alerts) this.options.onCounted?.({ ...standsWith(each), findings: [], alerts: [each] });
    }
  }

  private async run(): Promise<void> {
    const raw = this.waiting;
    this.waiting = [];
    const { enrich, grow } = this.flows;
    const enriched = await this.pass('enrichment', enrich, raw, 'enriched');
    const withLineage = await this.pass('process-tree', grow, enriched, 'lineage');
    await this.detect(withLineage);
  }

  private async detect(records: readonly BusRecord[]): Promise<void> {
    const detected = await this.flows.detect.run(records);
    this.tellRefused('detection', records, detected);
    for (const { value } of detected.ok) {
      this.hear(value);
      this.tenants.take(value.tenantId, value.forTenant);
      this.options.onDetected(value);
    }
  }

  private hear({ record, batch }: BatchAlerts): void {
    const { baseTimeUs, columns, streamId, batchSeq } = batch;
    const newestUs = columns.timeOffsetUs.reduce((latest, offset) => Math.max(latest, offset), 0) + baseTimeUs;
    const latestUs = Math.max(newestUs, this.heard.get(record.key)?.latestUs ?? 0);
    this.heard.set(record.key, { latestUs, streamId: streamId.slice(), batchSeq });
  }

  private async pass(
    stage: string,
    flow: Pipeline<BusRecord, Following>,
    records: readonly BusRecord[],
    topic: TopicName,
  ): Promise<BusRecord[]> {
    const result = await flow.run(records);
    this.tellRefused(stage, records, result);
    return result.ok.map(({ value: { record, value } }) => ({ ...record, topic, value }));
  }

  private tellRefused(stage: string, records: readonly BusRecord[], { deadLettered }: PipelineResult<unknown>): void {
    for (const { source, error } of deadLettered) {
      const code = error instanceof NornError ? error.code : 'unexpected';
      this.options.onRefused({ stage, hostKey: records[source]?.key ?? '', code, message: error.message });
    }
  }
}
