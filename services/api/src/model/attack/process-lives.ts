// Is it over: which of an attack's processes have ended, which run now, and of which it is not known. An end that nobody saw is found: the container
// is gone, or an agent that started since did not find the process running.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { type Logger, createLogger } from '@norn/telemetry';
import { ControlPlane } from '../control-plane.ts';
import { Telemetry } from '../telemetry.port.ts';
import { lifecycleOf } from '../host/host-state.ts';
import type { ContainerRow } from '../container/container.queries.ts';
import {
  type EndRow,
  type ProcessRow,
  type SightingRow,
  agentStartQuery,
  endsQuery,
  sightingsQuery,
} from './attack.queries.ts';

export interface Lives {
  /** By uid. */
  readonly ends: ReadonlyMap<string, EndRow>;
  /** Unix ms: what has no end ran then; 0 when nothing is known. */
  readonly knownAt: number;
  /** Whether what has no end runs now is not known: the host is silent, or stored events can't be read. */
  readonly unknown: boolean;
  /** Those that began before stored events do: their ends may have been forgotten. */
  readonly forgotten: ReadonlySet<string>;
}

export const nothingKnown: Lives = { ends: new Map(), knownAt: 0, unknown: true, forgotten: new Set() };

/** Stored events, and with them ends, are kept for 30 days. */
const keptMs = 29 * 24 * 3_600_000;

/** What must be known of a process to find its end. */
export type Living = Pick<ProcessRow, 'uid' | 'containerId' | 'startUs' | 'seenUs'>;

interface Asked {
  readonly hostId: string;
  readonly rows: readonly Living[];
  /** Known before. */
  readonly ends: readonly EndRow[];
  /** By id: of those that have ended all processes have. */
  readonly containers: ReadonlyMap<string, ContainerRow>;
}

@Injectable()
export class ProcessLives {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly telemetry: Telemetry,
    private readonly control: ControlPlane,
  ) {}

  async of(tenantId: string, asked: Asked): Promise<Lives> {
    const host = await this.control.host(tenantId, asked.hostId);
    const { knownAt, state, lists } = lifecycleOf(host, new Date());
    try {
      const ends = await this.ends(tenantId, asked, { goneAt: state === 'ended' ? knownAt : 0, lists });
      const forgotten = asked.rows.filter(
        (row) => !ends.has(row.uid) && Date.now() - Number(row.startUs) / 1000 > keptMs,
      );
      return { ends, knownAt, unknown: state === 'unknown', forgotten: new Set(forgotten.map(({ uid }) => uid)) };
    } catch (error) {
      this.log.warn({ host: asked.hostId, error: messageOf(error) }, 'the ends of processes could not be read');
      return nothingKnown;
    }
  }

  /** Seen and found ones. `goneAt`: when the host itself, which is a container, ended; 0 while it is there. */
  private async ends(
    tenantId: string,
    { hostId, rows, ends: before, containers }: Asked,
    { goneAt, lists }: { goneAt: number; lists: boolean },
  ): Promise<Map<string, EndRow>> {
    const ends = new Map(before.map((row) => [row.uid, row]));
    const uids = [...new Set(rows.map(({ uid }) => uid))].filter((uid) => !ends.has(uid));
    if (uids.length === 0) return ends;
    for (const row of await this.telemetry.rows<EndRow>(tenantId, endsQuery(hostId, uids))) ends.set(row.uid, row);
    const open = rows.filter(({ uid }) => !ends.has(uid));
    for (const row of open) {
      const endUs = goneAt > 0 ? goneAt * 1000 : Number(containers.get(row.containerId)?.endedUs ?? 0);
      if (endUs > 0) ends.set(row.uid, foundEnd(row.uid, endUs));
    }
    const left = open.filter(({ uid }) => !ends.has(uid));
    if (left.length > 0 && lists) for (const end of await this.missed(tenantId, hostId, left)) ends.set(end.uid, end);
    return ends;
  }

  /** Ends while no agent looked. */
  private async missed(tenantId: string, hostId: string, left: readonly Living[]): Promise<EndRow[]> {
    const uids = [...new Set(left.map(({ uid }) => uid))];
    const [[start], sightings] = await Promise.all([
      this.telemetry.rows<{ startedUs: number | string }>(tenantId, agentStartQuery(hostId)),
      this.telemetry.rows<SightingRow>(tenantId, sightingsQuery(hostId, uids)),
    ]);
    const startedUs = Number(start?.startedUs ?? 0);
    const sighted = new Map(sightings.map(({ uid, seenUs }) => [uid, Number(seenUs)]));
    const lastSeen = new Map<string, number>();
    for (const { uid, startUs, seenUs } of left)
      lastSeen.set(uid, Math.max(lastSeen.get(uid) ?? 0, sighted.get(uid) ?? 0, Number(startUs), Number(seenUs)));
    return [...lastSeen].filter(([, us]) => us < startedUs).map(([uid]) => foundEnd(uid, startedUs));
  }
}

function foundEnd(uid: string, endUs: number): EndRow {
  return { uid, endUs, exitResult: 0, found: 1 };
}
