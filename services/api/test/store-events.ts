// Stores events written as Sigma fields as the pipeline would: a batch of the agent's, with its lineage, through the columns that storage
// inserts. For tests of hunts.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  BatchWriter,
  appendField,
  batchFields,
  event,
  nobodyId,
  openBatch,
  type BatchView,
  type ProcessEntry,
} from '@norn/contracts';
import { toHex } from '@norn/base';
import { HostState, LineageDescriber } from '@norn/lineage';
import { type RuleBatch, type TestEvent, buildRuleBatch } from '@norn/rules';
import { type StoreWriter, createEventsBlock, createProcessesBlock, pushEvents, pushProcess } from '@norn/store';
import { idOf } from './attack-builder.ts';
import type { Home } from './store-attack.ts';

const { EventKind } = event;
const EXEC: number = EventKind.EXEC;

/** Between two events. */
export const stepUs = 1_000_000;

/** Event `n` happens at `startUs + n × stepUs`. Its process, and those above it, are its own. */
export function storeEvents(
  writer: StoreWriter,
  home: Home,
  startUs: number,
  events: readonly TestEvent[],
): Promise<void> {
  return store(writer, home, startUs, batchOf(home, startUs, events));
}

/** A run of events as tests of correlations have them: each `at` its second, all below one process unless they name a `Lineage` of their own. */
export function storeRun(writer: StoreWriter, home: Home, startUs: number, run: readonly TestEvent[]): Promise<void> {
  return store(writer, home, startUs, batchOf(home, startUs, run, true));
}

async function store(writer: StoreWriter, home: Home, startUs: number, bytes: Uint8Array): Promise<void> {
  const batch = openBatch(bytes);
  const [processes, rows] = [createProcessesBlock(), createEventsBlock()];
  for (let entry = 0; entry < batch.columns.processes.count; entry += 1)
    pushProcess(processes, home, batch, { entry, imageTimeUs: execTimeOf(batch, entry), seenTimeUs: startUs });
  pushEvents(rows, home, batch);
  await writer.insert(processes, `${home.hostId} processes ${startUs}`);
  await writer.insert(rows, `${home.hostId} events ${startUs}`);
}

function execTimeOf({ baseTimeUs, columns }: BatchView, entry: number): number {
  const row = columns.kind.findIndex((kind, at) => kind === EXEC && columns.process[at] === entry);
  return row < 0 ? 0 : baseTimeUs + (columns.timeOffsetUs[row] ?? 0);
}

function batchOf(home: Home, startUs: number, events: readonly TestEvent[], isRun = false): Uint8Array {
  const writer = new BatchWriter();
  const chains = events.map((fields, at) => {
    const root = isRun ? `${home.hostId} ${startUs} ${String(fields.Lineage ?? '')}` : undefined;
    return chainOf(fields, { name: `${home.hostId} ${startUs} ${at}`, startTimeUs: startUs - stepUs, root });
  });
  for (const process of chains.flatMap(({ above }) => above))
    writer.add({ kind: EventKind.PROCESS_SEEN, timeUs: startUs - stepUs, process });
  chains.forEach(({ process }, at) => {
    const facts = buildRuleBatch([events[at] ?? {}]);
    const text = (index: number | undefined): string => facts.text(index ?? 0);
    writer.add({
      kind: EventKind[EventKind[facts.kind[0] ?? 0] as keyof typeof EventKind],
      timeUs: startUs + (isRun ? Number(events[at]?.at ?? 0) : at) * stepUs,
      process,
      path: text(facts.path[0]),
      target: text(facts.target[0]),
      flags: facts.flags[0] ?? 0,
      value: facts.value[0] ?? 0n,
      result: facts.result[0] ?? 0,
    });
  });
  const raw = writer.finish({ streamId: Buffer.from(idOf(`${home.hostId} ${startUs}`), 'hex'), batchSeq: 1 });
  return withLineage(
    withUsers(
      raw,
      chains.map(({ process }) => process),
      events,
    ),
  );
}

interface Chain {
  readonly process: ProcessEntry;
  /** Furthest first. */
  readonly above: readonly ProcessEntry[];
}

interface ChainPlace {
  readonly name: string;
  readonly startTimeUs: number;
  /** Of the process above all of a run; undefined when there is none. */
  readonly root: string | undefined;
}

function chainOf(fields: TestEvent, { name, startTimeUs, root }: ChainPlace): Chain {
  const facts = buildRuleBatch([fields]);
  const told = facts.ancestorImages(0);
  // Of some parents only the command line is told.
  const images = told.length === 0 && facts.parentCommandLine(0) !== '' ? [''] : told;
  const ancestors = root === undefined ? images : [...images, '/sbin/root-of-run'];
  const uid = (level: number): Uint8Array =>
    Buffer.from(idOf(root !== undefined && level === ancestors.length ? root : `${name} ${level}`), 'hex');
  const entry = (level: number, imagePath: string, commandLine: string): ProcessEntry => ({
    uid: uid(level),
    parentUid: level < ancestors.length ? uid(level + 1) : new Uint8Array(16),
    pid: 1_000 + level,
    startTimeUs,
    imagePath,
    commandLine,
  });
  const above = ancestors
    .map((path, at) => entry(at + 1, path, at === 0 ? facts.parentCommandLine(0) : path))
    .reverse();
  const own = entry(0, facts.text(facts.imagePath[0] ?? 0), facts.text(facts.imageCommandLine[0] ?? 0));
  const process = {
    ...own,
    pid: Number(fields.ProcessId ?? own.pid),
    parentPid: facts.processParentPid[0] ?? 0,
    userId: facts.processUserId[0] ?? 0,
    groupId: facts.processGroupId[0] ?? 0,
    ...credentialsOf(facts),
    workingDirectory: facts.text(facts.imageWorkingDirectory[0] ?? 0),
    environment: facts.text(facts.imageEnvironment[0] ?? 0),
    sha256: facts.imageSha256(0),
    imageFlags: facts.imageFlags[0] ?? 0,
    containerId: facts.text(facts.containerId[0] ?? 0),
  };
  return { above, process };
}

function credentialsOf(facts: RuleBatch): Partial<ProcessEntry> {
  return {
    terminal: facts.text(facts.processTerminal[0] ?? 0),
    loginUserId: facts.processLoginUserId[0] ?? nobodyId,
    sessionId: facts.processSessionId[0] ?? nobodyId,
    capabilities: [...facts.processCapabilities],
    package: facts.text(facts.imagePackage[0] ?? 0),
    packageVersion: facts.text(facts.imagePackageVersion[0] ?? 0),
  };
}

function withUsers(raw: Uint8Array, processes: readonly ProcessEntry[], events: readonly TestEvent[]): Uint8Array {
  const { columns } = openBatch(raw);
  const users = new Map(processes.map(({ uid }, at) => [toHex(uid), String(events[at]?.User ?? '')]));
  const userNames = Array.from({ length: columns.processes.count }, (_, entry) => {
    return users.get(toHex(columns.processes.uid.subarray(entry * 16, entry * 16 + 16))) ?? '';
  });
  const told = new Map(events.map((each) => [each.Container, each]));
  const containers = Array.from(columns.containers.id, (id) => {
    const { ContainerImage = '', PodNamespace = '', PodLabels = [] } = told.get(columns.strings.text(id)) ?? {};
    const labels = [PodLabels].flat().map((label) => String(label).split('='));
    const podLabels = Object.fromEntries(labels) as Record<string, string>;
    return { image: String(ContainerImage), podNamespace: String(PodNamespace), podLabels };
  });
  const facts = create(event.BatchEnrichmentSchema, { userNames, containers });
  return appendField(raw, batchFields.enrichment, toBinary(event.BatchEnrichmentSchema, facts));
}

function withLineage(bytes: Uint8Array): Uint8Array {
  const batch = openBatch(bytes);
  const state = new HostState();
  const slots = state.apply(batch, 1);
  const lineage = new LineageDescriber().describe(state.tree, slots, batch.columns.processes.uidWords);
  return appendField(bytes, batchFields.lineage, Uint8Array.from(lineage));
}
