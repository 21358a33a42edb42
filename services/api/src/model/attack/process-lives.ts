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
  type MarksRow,
  type ProcessRow,
  type SightingRow,
  agentStartQuery,
  endsQuery,
  marksQuery,
  newestEventQuery,
  sightingsQuery,
} from './attack.queries.ts';

/**
 * Why it is not known whether a process runs: the host is silent, or stored events can't be read; they are behind; some were lost on their way, ends
 * perhaps among them; the process began before stored events do.
 */
export type Doubt = '' | 'silent' | 'behind' | 'lost' | 'forgotten';

export interface Lives {
  /** By uid. */
  readonly ends: ReadonlyMap<string, EndRow>;
  /** Unix ms; 0 when nothing is known. As of then it is known what runs, save what is in doubt. */
  readonly knownAt: number;
  readonly doubt: Doubt;
  /** Of what has no end: whether it runs now is not known. */
  readonly isUnknown: (uid: string) => boolean;
}

export const nothingKnown: Lives = { ends: new Map(), knownAt: 0, doubt: 'silent', isUnknown: () => true };

/** What stored events say of how far they can be believed, Unix µs; 0: never. */
interface Word {
  /** When the host's agent last told of all that ran. */
  readonly listedUs: number;
  /** When something that it told was last lost. */
  readonly lostUs: number;
  /** The newest that is stored. */
  readonly storedUs: number;
}

const nothingSaid: Word = { listedUs: 0, lostUs: 0, storedUs: Number.MAX_SAFE_INTEGER };

/** An agent that told of all that runs this short a while ago, µs, may still be telling. */
const listingUs = 60_000_000;

/** An event is stored within a second or two; later than this after the host told of it, µs, and what is stored is not what is so. */
const behindUs = 30_000_000;

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
    const lifecycle = lifecycleOf(host, new Date());
    try {
      const ends = await this.told(tenantId, asked, lifecycle.state === 'ended' ? lifecycle.knownAt : 0);
      const open = asked.rows.filter(({ uid }) => !ends.has(uid));
      if (open.length === 0) return { ends, knownAt: lifecycle.knownAt, doubt: '', isUnknown: () => false };
      const [word, lastSeen] = lifecycle.lists
        ? await Promise.all([this.word(tenantId, asked.hostId), this.lastSeen(tenantId, asked.hostId, open)])
        : [nothingSaid, new Map<string, number>()];
      const isWhole = word.lostUs <= word.listedUs && Date.now() * 1000 - word.listedUs > listingUs;
      for (const [uid, us] of lastSeen) {
        if (!isWhole || us >= word.listedUs) continue;
        ends.set(uid, foundEnd(uid, word.listedUs));
        lastSeen.delete(uid);
      }
      return { ends, ...doubtOf({ open: open.filter(({ uid }) => !ends.has(uid)), word, lastSeen, ...lifecycle }) };
    } catch (error) {
      this.log.warn({ host: asked.hostId, error: messageOf(error) }, 'the ends of processes could not be read');
      return nothingKnown;
    }
  }

  /** Those that were seen, and those with the container they were in. `goneAt`: when the host itself, which is a container, ended; 0 while it is there. */
  private async told(tenantId: string, asked: Asked, goneAt: number): Promise<Map<string, EndRow>> {
    const { hostId, rows, containers } = asked;
    const ends = new Map(asked.ends.map((row) => [row.uid, row]));
    const uids = [...new Set(rows.map(({ uid }) => uid))].filter((uid) => !ends.has(uid));
    if (uids.length === 0) return ends;
    for (const row of await this.telemetry.rows<EndRow>(tenantId, endsQuery(hostId, uids))) ends.set(row.uid, row);
    for (const { uid, containerId } of rows.filter((row) => !ends.has(row.uid))) {
      const endUs = goneAt > 0 ? goneAt * 1000 : Number(containers.get(containerId)?.endedUs ?? 0);
      if (endUs > 0) ends.set(uid, foundEnd(uid, endUs));
    }
    return ends;
  }

  private async word(tenantId: string, hostId: string): Promise<Word> {
    const [[start], [marks], [newest]] = await Promise.all([
      this.telemetry.rows<{ startedUs: number | string }>(tenantId, agentStartQuery(hostId)),
      this.telemetry.rows<MarksRow>(tenantId, marksQuery(hostId)),
      this.telemetry.rows<{ storedUs: number | string }>(tenantId, newestEventQuery(hostId)),
    ]);
    return {
      listedUs: Math.max(Number(start?.startedUs ?? 0), Number(marks?.listedUs ?? 0)),
      lostUs: Number(marks?.lostUs ?? 0),
      storedUs: Number(newest?.storedUs ?? 0),
    };
  }

  /** When each was last told of, Unix µs. */
  private async lastSeen(tenantId: string, hostId: string, open: readonly Living[]): Promise<Map<string, number>> {
    const uids = [...new Set(open.map(({ uid }) => uid))];
    const sightings = await this.telemetry.rows<SightingRow>(tenantId, sightingsQuery(hostId, uids));
    const lastSeen = new Map(sightings.map(({ uid, seenUs }) => [uid, Number(seenUs)]));
    for (const { uid, startUs, seenUs } of open)
      lastSeen.set(uid, Math.max(lastSeen.get(uid) ?? 0, Number(startUs), Number(seenUs)));
    return lastSeen;
  }
}

interface Open extends Pick<ReturnType<typeof lifecycleOf>, 'knownAt' | 'state' | 'toldUs'> {
  readonly open: readonly Living[];
  readonly word: Word;
  readonly lastSeen: ReadonlyMap<string, number>;
}

function doubtOf({ open, word, lastSeen, knownAt, state, toldUs }: Open): Omit<Lives, 'ends'> {
  if (state === 'unknown') return { knownAt, doubt: 'silent', isUnknown: () => true };
  if (toldUs - word.storedUs > behindUs)
    return { knownAt: word.storedUs / 1000, doubt: 'behind', isUnknown: () => true };
  const before = (us: number): Set<string> =>
    new Set([...lastSeen].filter(([, seenUs]) => seenUs < us).map(([uid]) => uid));
  const [lost, untold] = [before(word.lostUs), before(word.listedUs)];
  if (word.lostUs > word.listedUs && lost.size > 0)
    return { knownAt: word.lostUs / 1000, doubt: 'lost', isUnknown: (uid) => lost.has(uid) };
  if (untold.size > 0) return { knownAt: word.listedUs / 1000, doubt: 'behind', isUnknown: (uid) => untold.has(uid) };
  const forgotten = new Set(open.filter(({ startUs }) => isForgotten(startUs)).map(({ uid }) => uid));
  const doubt = forgotten.size > 0 ? 'forgotten' : '';
  return { knownAt, doubt, isUnknown: (uid) => forgotten.has(uid) };
}

function isForgotten(startUs: number | string): boolean {
  return Date.now() - Number(startUs) / 1000 > keptMs;
}

function foundEnd(uid: string, endUs: number): EndRow {
  return { uid, endUs, exitResult: 0, found: 1 };
}
