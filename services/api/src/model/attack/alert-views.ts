// Alerts as lists show them: each with where it happened, and what is known now of the processes that had no end when its summary was made.
import { Injectable } from '@nestjs/common';
import type { view } from '@norn/contracts';
import { type Running, alertView, notRead } from './alert.view.ts';
import type { Attack } from './attack.ts';
import { processesMax } from './attack.queries.ts';
import { AttackSummaries, type Unended } from './attack-summaries.ts';
import { AttackPlaces } from './attack-places.ts';
import { type Lives, ProcessLives } from './process-lives.ts';

/** Of a host's alerts on one page; of an alert that has no room, nothing is said. */
const askedMax = processesMax;

@Injectable()
export class AlertViews {
  constructor(
    private readonly places: AttackPlaces,
    private readonly summaries: AttackSummaries,
    private readonly lives: ProcessLives,
  ) {}

  /** In the order given. */
  async of(tenantId: string, attacks: readonly Attack[]): Promise<view.AlertView[]> {
    return attacks.map(await this.viewOf(tenantId, attacks));
  }

  async one(tenantId: string, attack: Attack): Promise<view.AlertView> {
    return (await this.viewOf(tenantId, [attack]))(attack);
  }

  /** Uids, 32 hex each, of what runs of it as far as anybody knows, by the newest summary that is there in time. */
  async stillRunning(tenantId: string, attack: Attack): Promise<string[]> {
    const { id, hostId } = attack.handling;
    await this.summaries.of(tenantId, attack);
    const left = (await this.summaries.unended(tenantId, [attack])).get(id) ?? [];
    const asked = new Map([[hostId, new Map(left.map((process) => [process.uid, process]))]]);
    const lives = (await this.livesOf(tenantId, asked)).get(hostId);
    return left.map(({ uid }) => uid).filter((uid) => lives?.ends.has(uid) === false);
  }

  private async viewOf(tenantId: string, attacks: readonly Attack[]): Promise<(attack: Attack) => view.AlertView> {
    const [placeOf, lifeOf] = await Promise.all([this.places.of(tenantId, attacks), this.running(tenantId, attacks)]);
    return (attack) => alertView(attack, placeOf(attack), lifeOf(attack));
  }

  private async running(tenantId: string, attacks: readonly Attack[]): Promise<(attack: Attack) => Running> {
    const known = await this.summaries.unended(tenantId, attacks);
    const asked = new Map<string, Map<string, Unended>>();
    const open = new Map<string, readonly Unended[]>();
    for (const { handling, killedPids } of attacks) {
      const left = known.get(handling.id)?.filter(({ pid }) => !killedPids.includes(pid));
      const ofHost = asked.get(handling.hostId) ?? new Map<string, Unended>();
      if (left === undefined || ofHost.size + left.length > askedMax) continue;
      open.set(handling.id, left);
      for (const process of left) ofHost.set(process.uid, process);
      if (left.length > 0) asked.set(handling.hostId, ofHost);
    }
    const lives = await this.livesOf(tenantId, asked);
    return ({ handling }) => runningOf(open.get(handling.id), lives.get(handling.hostId));
  }

  private async livesOf(
    tenantId: string,
    asked: ReadonlyMap<string, ReadonlyMap<string, Unended>>,
  ): Promise<Map<string, Lives>> {
    const lives = new Map<string, Lives>();
    const ofHost = async ([hostId, processes]: [string, ReadonlyMap<string, Unended>]): Promise<void> => {
      const rows = [...processes.values()];
      const ids = new Set(rows.map(({ containerId }) => containerId).filter((id) => id !== ''));
      const containers = await this.places.containers(tenantId, [...ids]);
      lives.set(hostId, await this.lives.of(tenantId, { hostId, rows, ends: [], containers }));
    };
    await Promise.all([...asked].map(ofHost));
    return lives;
  }
}

/** `open`: undefined when no summary says. `lives`: undefined when nobody of its host had to be asked for. */
function runningOf(open: readonly Unended[] | undefined, lives: Lives | undefined): Running {
  if (open === undefined) return notRead;
  const left = open.filter(({ uid }) => lives?.ends.has(uid) === false);
  const unknown = left.filter(({ uid }) => lives?.isUnknown(uid)).length;
  return { running: left.length - unknown, unknown, knownAt: lives?.knownAt ?? 0, doubt: lives?.doubt ?? '' };
}
