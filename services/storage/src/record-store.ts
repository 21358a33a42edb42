// Stores findings, alerts, outcomes and containers: tables whose newest version of a row wins, so a record that comes again changes nothing.
import { fromBinary } from '@bufbuild/protobuf';
import type { OnModuleDestroy } from '@nestjs/common';
import { NornError, messageOf } from '@norn/base';
import {
  type BusProducer,
  type BusRecord,
  type Deferred,
  type RecordBatch,
  deadLetterOf,
  deadLettersOf,
} from '@norn/bus';
import { action, event, finding, podLabels } from '@norn/contracts';
import { type Outcome, type Pipeline, deadLetter, each, ok, pipeline } from '@norn/pipeline';
import {
  type StoreWriter,
  createAlertsBlock,
  createContainersBlock,
  createFindingsBlock,
  createOutcomeFilesBlock,
  pushAlert,
  pushContainer,
  pushFinding,
  pushOutcomeFile,
} from '@norn/store';
import { Gatherer } from './gatherer.ts';
import { Inserts } from './inserts.ts';
import { Recent } from './recent.ts';
import { ownerOf } from './steps/open-batch.step.ts';
import { whileStoring } from './storage-spans.ts';

const createBlocks = () => ({
  findings: createFindingsBlock(),
  alerts: createAlertsBlock(),
  outcomeFiles: createOutcomeFilesBlock(),
  containers: createContainersBlock(),
});

type Blocks = ReturnType<typeof createBlocks>;
type PushRows = (blocks: Blocks) => void;

/** Containers whose last description is remembered, so that it is stored once and not with each heartbeat of its host. */
const containersMax = 100_000;

const notInAlert = { id: '', version: 0 };

export interface RecordStoreOptions {
  readonly writer: StoreWriter;
  readonly producer: Pick<BusProducer, 'send'>;
  readonly lingerMs: number;
}

export class RecordStore implements OnModuleDestroy {
  readonly gatherer: Gatherer<Blocks>;
  private readonly producer: Pick<BusProducer, 'send'>;
  private readonly containers = new Recent<string>(containersMax);
  private readonly pipelines: Readonly<Record<string, Pipeline<BusRecord, PushRows>>>;

  constructor({ writer, producer, lingerMs }: RecordStoreOptions) {
    this.producer = producer;
    this.gatherer = new Gatherer({
      inserts: new Inserts(writer, createBlocks),
      lingerMs,
      refuse: (refused) =>
        producer.send(
          'deadLetter',
          refused.map(({ unit: { record }, error }) =>
            deadLetterOf(record, { stage: 'storage', reason: 'refused', error, attempts: 1 }),
          ),
        ),
    });
    this.pipelines = {
      findings: pipeline<BusRecord>('storage').pipe(each(parsed('openFinding', rowsOfFinding))),
      alerts: pipeline<BusRecord>('storage').pipe(each(parsed('openAlert', rowsOfAlert))),
      outcomes: pipeline<BusRecord>('storage').pipe(each(parsed('openOutcome', rowsOfOutcome))),
      facts: pipeline<BusRecord>('storage').pipe(each(parsed('openFacts', (record) => this.rowsOfFacts(record)))),
    };
  }

  onModuleDestroy(): void {
    this.gatherer.close();
  }

  handle(batch: RecordBatch): Promise<Deferred> {
    return whileStoring(batch.records, () => this.take(batch));
  }

  private async take({ topic, records }: RecordBatch): Promise<Deferred> {
    const flow = this.pipelines[topic];
    if (flow === undefined) throw new NornError('topic_unknown', `Storage has no table for ${topic}`);
    const result = await flow.run(records);
    await this.producer.send('deadLetter', deadLettersOf('storage', records, result));
    return this.gatherer.add(
      result.ok.flatMap(({ source, value: push }) => {
        const record = records[source];
        return record === undefined ? [] : [{ record, push }];
      }),
    );
  }

  private rowsOfFacts({ key, value }: BusRecord): PushRows {
    const facts = fromBinary(event.HostFactsSchema, value);
    const owner = ownerOf(key);
    const changed = facts.containers.filter((container) => this.isNew(key, container));
    return ({ containers }) => {
      for (const container of changed) pushContainer(containers, owner, container, Number(facts.observedAtUs));
    };
  }

  private isNew(key: string, container: event.ContainerFact): boolean {
    const { containerId, name, image, imageId, imageDigest, podUid, podName, startedAtUs, endedAtUs } = container;
    const ofPod = [podUid, podName, container.podOwner, container.serviceAccount, ...podLabels(container)];
    const description = [name, image, imageId, imageDigest, startedAtUs, endedAtUs, ...ofPod].join('\0');
    const id = `${key}:${containerId}`;
    if (this.containers.get(id) === description) return false;
    this.containers.set(id, description);
    return true;
  }
}

/** A step that parses; what does not parse is dead-lettered. */
function parsed(name: string, parse: (record: BusRecord) => PushRows): (record: BusRecord) => Outcome<PushRows> {
  const step = (record: BusRecord): Outcome<PushRows> => {
    try {
      return ok(parse(record));
    } catch (error) {
      const what = `A record of ${record.topic} does not parse (${messageOf(error)})`;
      return deadLetter('malformed', new NornError('record_malformed', what, { cause: error }));
    }
  };
  Object.defineProperty(step, 'name', { value: name });
  return step;
}

function rowsOfFinding({ value }: BusRecord): PushRows {
  const one = fromBinary(finding.FindingSchema, value);
  return ({ findings }) => {
    pushFinding(findings, one, notInAlert);
  };
}

function rowsOfAlert({ value }: BusRecord): PushRows {
  const alert = fromBinary(finding.AlertSchema, value);
  return ({ alerts, findings }) => {
    pushAlert(alerts, alert);
    for (const one of alert.findings) pushFinding(findings, one, alert);
  };
}

function rowsOfOutcome({ value }: BusRecord): PushRows {
  const outcome = fromBinary(action.OutcomeSchema, value);
  return ({ outcomeFiles }) => {
    for (const file of outcome.files) pushOutcomeFile(outcomeFiles, outcome, file);
  };
}
