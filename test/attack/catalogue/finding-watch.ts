// Waits for the findings of many actions with one question to the API, however many wait.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { ApiClient } from '@norn/cli';
import type { ShownFindingList, ShownPlacedFinding } from '@norn/contracts';

/** What an action must give. */
export interface Wanted {
  readonly ruleId: string;
  /** It, or a process above the one that is found. */
  readonly pid: number;
  /** Full id; empty for the host. */
  readonly containerId: string;
  /** Unix ms, before the action began. */
  readonly sinceMs: number;
  /** The finding must be part of an alert. */
  readonly inAlert: boolean;
}

export interface Sighting {
  readonly found?: ShownPlacedFinding;
  /** Unix ms; when the API had it. */
  readonly atMs: number;
  /** What else came of the process, in words: helps when the right thing did not. */
  readonly others: readonly string[];
}

/** Between two questions; the API takes 1,200 of one address a minute. */
const pollMs = 100;
/** The agent's clock is the kernel's, whose wall time may be set. */
const clockMarginMs = 1_000;
/** A page of the API. */
const findingsMax = 200;
const passing = /^(unreachable|http_5\d\d|.*unavailable.*)$/;

interface Waiting {
  readonly wanted: Wanted;
  readonly untilMs: number;
  readonly others: Set<string>;
  readonly done: (sighting: Sighting) => void;
  readonly failed: (error: unknown) => void;
}

export class FindingWatch {
  private readonly waiting = new Set<Waiting>();
  private isAsking = false;
  /** Questions of this round. */
  private asked = 0;

  constructor(private readonly api: Pick<ApiClient, 'get'>) {}

  /** Resolves when it is there, and without it when it is too late. */
  sighting(wanted: Wanted, withinMs: number): Promise<Sighting> {
    return new Promise((done, failed) => {
      this.waiting.add({ wanted, untilMs: Date.now() + withinMs, others: new Set(), done, failed });
      if (!this.isAsking) void this.ask();
    });
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    try {
      while (this.waiting.size > 0) {
        this.asked = 0;
        const findings = await this.newest();
        for (const each of this.waiting) if (this.isSettled(each, findings)) this.waiting.delete(each);
        if (this.waiting.size > 0) await sleep(pollMs * this.asked);
      }
    } catch (error) {
      for (const { failed } of this.waiting) failed(error);
      this.waiting.clear();
    } finally {
      this.isAsking = false;
    }
  }

  private async newest(): Promise<readonly ShownPlacedFinding[]> {
    const wanted = [...this.waiting].map((each) => each.wanted);
    const firstMs = Math.min(...wanted.map(({ sinceMs }) => sinceMs));
    const page = `/findings?since=${new Date(firstMs - clockMarginMs).toISOString()}&limit=${String(findingsMax)}`;
    const newest = await this.findings(page);
    if (!newest.truncated) return newest.findings;
    // A busy host: what is waited for may stand on no page but its own.
    const ruleIds = [...new Set(wanted.map(({ ruleId }) => ruleId))];
    const pages = await Promise.all(ruleIds.map((ruleId) => this.findings(`${page}&rule=${ruleId}`)));
    return [newest, ...pages].flatMap(({ findings }) => findings);
  }

  private async findings(path: string): Promise<ShownFindingList> {
    this.asked += 1;
    try {
      return await this.api.get<ShownFindingList>(path);
    } catch (error) {
      if (error instanceof NornError && passing.test(error.code)) return { findings: [], truncated: false };
      throw error;
    }
  }

  private isSettled({ wanted, untilMs, others, done }: Waiting, findings: readonly ShownPlacedFinding[]): boolean {
    const own = findings.filter((each) => hasPid(each, wanted.pid));
    const found = own.find((each) => differenceFrom(wanted, each) === undefined);
    for (const each of own) others.add(differenceFrom(wanted, each) ?? '');
    const atMs = Date.now();
    if (!found && atMs < untilMs) return false;
    done({ ...(found ? { found } : {}), atMs, others: [...others].filter(Boolean) });
    return true;
  }
}

function hasPid({ pid, ancestorPids }: ShownPlacedFinding, wanted: number): boolean {
  return pid === wanted || ancestorPids.includes(wanted);
}

/** Undefined when it is what is wanted. */
function differenceFrom(wanted: Wanted, { finding, containerId, alertId }: ShownPlacedFinding): string | undefined {
  if (finding.ruleId !== wanted.ruleId) return finding.title;
  if (containerId !== wanted.containerId) return `found in ${containerId.slice(0, 12) || 'no container'}`;
  return wanted.inAlert && alertId === '' ? 'found, but in no alert' : undefined;
}
