// Is a host protected, and if not, why and what helps; and what it can say of its processes.
import { create, fromJson } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import type { Host } from '@norn/store';
import { counted, durationOf, listed } from '../words.ts';

/** A host that said nothing for this long is silent, and what runs on it is not known any more; agents report every 15 s. */
const silentAfterMs = 45_000;
const isolated =
  'It is cut off from every network but this installation, by a command. Lifting the isolation, or releasing the alert, ends that.';
/** A container that has ended is listed for this long. */
const endedShownMs = 3_600_000;
/** What an agent can do from inside a container; the rest is the host's to do. */
const essentialInside = /^(process\.lifecycle|file\.(open|change|preimage)|network\.connection)$/;
/** Without these a host is not protected, whatever else works. */
const essential =
  /^(process\.(lifecycle|memfd|instructions)|file\.(open|change|preimage)|network\.connection|container\.identity|response\.)/;

export interface Loss {
  readonly events: number;
  /** The ring or queue that was full. */
  readonly place: string;
}

export interface HostState {
  readonly host: Host;
  readonly facts: event.HostFacts;
  readonly state: 'protected' | 'degraded' | 'silent' | 'ended';
  /** Why it is not protected, or what else there is to know; empty for nothing. */
  readonly reason: string;
  /** Nobody is told when it falls silent. */
  readonly isMaintained: boolean;
}

interface Looked {
  readonly now: Date;
  /** In the last hour. */
  readonly lostLately: readonly Loss[];
}

export function stateOf(host: Host, looked: Looked): HostState {
  const facts = readFacts(host);
  const isMaintained = (host.maintenanceUntil ?? looked.now) > looked.now;
  const judged = judge(host, facts, looked);
  if (!isMaintained || host.maintenanceUntil === null) return { host, facts, isMaintained, ...judged };
  const reason = `${maintained(host.maintenanceUntil)} ${judged.reason}`.trim();
  return { host, facts, isMaintained, ...judged, reason };
}

export function readFacts(host: Host): event.HostFacts {
  if (host.facts === null) return create(event.HostFactsSchema);
  return fromJson(event.HostFactsSchema, host.facts as never, { ignoreUnknownFields: true });
}

/** A container that ended a while ago: it is found by its id, and in its alerts, but is not listed. */
export function isPast(host: Host, now: Date): boolean {
  return readFacts(host).ended && now.getTime() - (host.lastSeenAt?.getTime() ?? 0) > endedShownMs;
}

function maintained(until: Date): string {
  return `In maintenance until ${minuteOf(until)} UTC: until then nobody is told when it falls silent.`;
}

function minuteOf(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ');
}

function revokedAt(at: Date): string {
  return `Its certificates were revoked at ${minuteOf(at)} UTC, so nothing it says is taken. Its agent protects it on. To let it in again, end the agent there (./norn down) and join with a new invitation: it is another host then, and this one can be removed.`;
}

/** Its connection is there, and what protects is not. */
function withoutBaldur({ capabilities }: event.HostFacts): string {
  const detail = capabilities.find(({ name, available }) => name === 'agent.baldur' && !available)?.detail ?? '';
  return `Nothing is seen or stopped here: Baldur, the part of the agent that protects, does not run${detail === '' ? '' : ` (${detail.replace(/\.$/, '')})`}. Look at baldur.log in the agent's directory on the host.`;
}

/** By what it said at the end: an agent that was stopped protects nothing. */
const sinceThen: Readonly<Partial<Record<event.Leaving, string>>> = {
  [event.Leaving.STOPPED]:
    'Its agent was stopped in order, so nothing protects it: start the agent there (./norn join).',
  [event.Leaving.SHUTDOWN]: 'It went down in order, and its agent with it: check that the host is up again.',
};
const unknownSince =
  "The agent protects without a connection; check that the host is up and that norn's agent runs on it.";

/** `silentMs`: infinite for one that was never heard. */
function silentFor(silentMs: number, { leaving }: event.HostFacts): string {
  const since = silentMs === Infinity ? 'since it enrolled' : `for ${durationOf(silentMs * 1000)}`;
  return `Nothing was heard from it ${since}. ${sinceThen[leaving] ?? unknownSince}`;
}

/** It said so itself: what ran until then protects nothing now. */
function hasLeft({ leaving }: event.HostFacts): boolean {
  return leaving !== event.Leaving.UNSPECIFIED;
}

export function judge(
  host: Host,
  facts: event.HostFacts,
  { now, lostLately }: Looked,
): Pick<HostState, 'state' | 'reason'> {
  if (host.revokedBefore) return { state: 'silent', reason: revokedAt(host.revokedBefore) };
  if (facts.ended) return { state: 'ended', reason: 'The container has ended, and its agent with it.' };
  const silentMs = host.lastSeenAt === null ? Infinity : now.getTime() - host.lastSeenAt.getTime();
  if (silentMs > silentAfterMs || hasLeft(facts)) return { state: 'silent', reason: silentFor(silentMs, facts) };
  const needed = facts.containerId === '' ? essential : essentialInside;
  if (!facts.capabilities.some(({ name }) => needed.test(name)))
    return { state: 'degraded', reason: withoutBaldur(facts) };
  const weak = facts.capabilities.filter(({ name, available }) => needed.test(name) && !available);
  if (weak.length > 0) {
    const detail = weak[0]?.detail ?? '';
    return {
      state: 'degraded',
      reason: `Can not do ${weak.map(({ name }) => name).join(', ')}${detail === '' ? '' : `: ${detail.replace(/\.$/, '')}`}.`,
    };
  }
  const gap = gapOf(facts, lostLately);
  if (gap !== '') return { state: 'degraded', reason: gap };
  return { state: 'protected', reason: facts.health?.isolated === true ? isolated : '' };
}

/** What was not watched or not told, though the agent can; empty for nothing. */
function gapOf(facts: event.HostFacts, lostLately: readonly Loss[]): string {
  const unwatched = Number(facts.health?.vaultUnwatched ?? 0);
  if (unwatched > 0)
    return `${counted(unwatched, 'protected directory', 'protected directories')} had no mark in the kernel when last looked at: what was done to their files until then was not seen. The agent sets the marks again and looks within a minute.`;
  const lost = lostLately.reduce((sum, { events }) => sum + events, 0);
  if (lost === 0) return '';
  const places = listed(lostLately.map(({ place }) => place));
  return `${counted(lost, 'event')} were lost in the last hour (${places}): the host page says when.`;
}

interface Lifecycle {
  /** When it was last heard, Unix ms; 0: never. */
  readonly knownAt: number;
  /** `ended`: the container that it is has. */
  readonly state: 'known' | 'unknown' | 'ended';
  /** Its agent lists what runs whenever it starts. */
  readonly lists: boolean;
  /** Of the newest event that its agent had told of by then, Unix µs; 0: it did not say. */
  readonly toldUs: number;
}

/** What a host can say about its processes: as of when, and whether it can at all. */
export function lifecycleOf(host: Host | null, now: Date): Lifecycle {
  if (host === null) return { knownAt: 0, state: 'unknown', lists: false, toldUs: 0 };
  const knownAt = host.lastSeenAt?.getTime() ?? 0;
  const facts = readFacts(host);
  const can = (what: string): boolean => facts.capabilities.some(({ name, available }) => name === what && available);
  const said = { knownAt, lists: can('process.snapshot'), toldUs: Number(facts.health?.newestEventAtUs ?? 0) };
  if (facts.ended) return { ...said, state: 'ended' };
  const isSilent = now.getTime() - knownAt > silentAfterMs;
  return { ...said, state: isSilent || !can('process.lifecycle') ? 'unknown' : 'known' };
}
