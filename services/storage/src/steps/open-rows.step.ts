// Record → the rows that it becomes. What does not parse is dead-lettered.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import { type BusRecord, ownerOf } from '@norn/bus';
import { action, event, finding, podLabels } from '@norn/contracts';
import { type Outcome, deadLetter, ok } from '@norn/pipeline';
import { pushAlert, pushContainer, pushFinding, pushOutcomeFile } from '@norn/store';
import type { RecordRows } from '../records/gatherer.ts';
import { Recent } from '../recent.ts';
import type { RecordBlocks } from '../records/record-blocks.ts';

type PushRows = (blocks: RecordBlocks) => void;
type OpenRows = (record: BusRecord) => Outcome<RecordRows<RecordBlocks>>;

/** Containers whose last description is remembered, so that it is stored once and not with each heartbeat of its host. */
const containersMax = 100_000;

const notInAlert = { id: '', version: 0 };

export const openFinding: OpenRows = parsed('openFinding', ({ value }) => {
  const one = fromBinary(finding.FindingSchema, value);
  return ({ findings }) => {
    pushFinding(findings, one, notInAlert);
  };
});

export const openAlert: OpenRows = parsed('openAlert', ({ value }) => {
  const alert = fromBinary(finding.AlertSchema, value);
  return ({ alerts, findings }) => {
    pushAlert(alerts, alert);
    for (const one of alert.findings) pushFinding(findings, one, alert);
  };
});

export const openOutcome: OpenRows = parsed('openOutcome', ({ value }) => {
  const outcome = fromBinary(action.OutcomeSchema, value);
  return ({ outcomeFiles }) => {
    for (const file of outcome.files) pushOutcomeFile(outcomeFiles, outcome, file);
  };
});

/** Of a host's facts its containers, those of which something is new. */
export function createOpenFacts(): OpenRows {
  const known = new Recent<string>(containersMax);
  return parsed('openFacts', ({ key, value }) => {
    const facts = fromBinary(event.HostFactsSchema, value);
    const owner = ownerOf(key);
    const changed = facts.containers.filter((container) => isNew(known, key, container));
    return ({ containers }) => {
      for (const container of changed) pushContainer(containers, owner, container, Number(facts.observedAtUs));
    };
  });
}

function isNew(known: Recent<string>, key: string, container: event.ContainerFact): boolean {
  const { containerId, name, image, imageId, imageDigest, podUid, podName, startedAtUs, endedAtUs } = container;
  const ofPod = [podUid, podName, container.podOwner, container.serviceAccount, ...podLabels(container)];
  const description = [name, image, imageId, imageDigest, startedAtUs, endedAtUs, ...ofPod].join('\0');
  const id = `${key}:${containerId}`;
  if (known.get(id) === description) return false;
  known.set(id, description);
  return true;
}

function parsed(name: string, parse: (record: BusRecord) => PushRows): OpenRows {
  const step: OpenRows = (record) => {
    try {
      return ok({ record, push: parse(record) });
    } catch (error) {
      const what = `A record of ${record.topic} does not parse (${messageOf(error)})`;
      return deadLetter('malformed', new NornError('record_malformed', what, { cause: error }));
    }
  };
  Object.defineProperty(step, 'name', { value: name });
  return step;
}
