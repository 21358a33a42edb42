// An alert as people see it, with the sentences that say what was done and what is left.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { view } from '@norn/contracts';
import { type Attack, type Place, filesDecided, isOfHost } from './attack.ts';
import type { AlertHandling } from '@norn/store';
import type { Doubt } from './process-lives.ts';
import { ofPod } from '../container/pod.view.ts';
import { counted, listed, sentenceCase, severityWord, timeOf, timeOfDate, waiting } from '../words.ts';

/** What is known of the attack's processes now. */
export interface Running {
  readonly running: number;
  readonly unknown: number;
  /** Unix ms; 0: not known. */
  readonly knownAt: number;
  /** Why of some it is not known. */
  readonly doubt: Doubt;
  /** What its processes did is not put together yet, or can't be: nothing is said of them. */
  readonly notRead?: boolean;
}

/** Nothing says what the alert's processes are. */
export const notRead: Running = { running: 0, unknown: 0, knownAt: 0, doubt: '', notRead: true };

export function alertView(attack: Attack, place: Place, lives: Running): view.AlertView {
  const { alert, handling } = attack;
  return create(view.AlertViewSchema, {
    id: handling.id,
    hostId: handling.hostId,
    hostName: place.hostName,
    hosts: [...place.hosts],
    containerId: alert.containerId,
    containerName: place.containerName,
    containerImage: place.containerImage,
    podName: place.podName,
    podNamespace: place.podNamespace,
    imageDigest: place.imageDigest,
    ...ofPod(place.pod),
    severity: severityWord(alert.severity),
    state: handling.state,
    stateText: stateText(handling),
    title: alert.title,
    confidence: alert.confidence,
    summary: summaryOf(attack),
    response: nextOf(attack, lives),
    stoppedBy: attack.stoppedBy,
    createdAt: timeOf(alert.createdAtUs),
    updatedAt: timeOfDate(handling.updatedAt),
    techniques: alert.techniques,
    files: fileCounts(attack),
    findingsTotal: alert.findingsTotal,
    processName: alert.processName,
    scopeUid: toHex(alert.scopeUid),
    lineageUid: toHex(alert.lineageUid),
    killedPids: [...attack.killedPids],
    stoppedAfterMs: attack.stoppedUs === 0 ? 0 : Math.max(1, Math.ceil((attack.stoppedUs - attack.firstActUs) / 1000)),
    filesChanged: attack.filesChanged,
    version: handling.version,
    runningProcesses: lives.running,
    unknownProcesses: lives.unknown,
    livesText: livesText(handling, lives),
    livesKnownAt: lives.knownAt === 0 ? '' : new Date(lives.knownAt).toISOString(),
  });
}

/** "Stopped, 21 files wait for you, 1 lost"; else the state's word. */
export function stateText({ state, filesConflict, filesLost }: AlertHandling): string {
  if (state !== 'stopped') return sentenceCase(state);
  return ['Stopped', ...waiting(filesConflict, filesLost)].join(', ');
}

/** "2 of it still run": it is not over. */
function livesText({ state }: AlertHandling, { running, unknown }: Running): string {
  if (state === 'released' || running + unknown === 0) return '';
  return running > 0 ? `${running} of it still ${running === 1 ? 'runs' : 'run'}` : 'not known whether it runs';
}

function fileCounts({ handling }: Attack): view.FileCounts {
  return create(view.FileCountsSchema, {
    restored: handling.filesRestored,
    removed: handling.filesRemoved,
    unchanged: handling.filesUnchanged,
    lost: handling.filesLost,
    conflict: handling.filesConflict,
  });
}

/** "python3 encrypted 7 files in 38 ms; Norn killed 3 processes and restored 7 of 7 files." */
export function summaryOf(attack: Attack): string {
  const did = deedsOf(attack);
  const what = attack.alert.summary.replace(/\.$/, '') || attack.alert.title;
  return did.length === 0 ? `${what}.` : `${what}; Norn ${listed(did)}.`;
}

function deedsOf({ handling, killedPids, denied }: Attack): string[] {
  const deeds: string[] = [];
  if (denied > 0) deeds.push(denied === 1 ? 'did not let it happen' : `denied ${denied} acts`);
  if (killedPids.length > 0) deeds.push(`killed ${counted(killedPids.length, 'process', 'processes')}`);
  const changed = handling.filesRestored + handling.filesLost + handling.filesConflict;
  if (changed > 0) deeds.push(`restored ${handling.filesRestored} of ${counted(changed, 'file')}`);
  if (handling.filesRemoved > 0) deeds.push(`removed ${counted(handling.filesRemoved, 'file')} it had made`);
  return deeds;
}

/** What is left to do, and by whom. */
export function nextOf(attack: Attack, lives: Running): string {
  const { running } = lives;
  const { handling } = attack;
  if (handling.state === 'archived') return `Archived: somebody has dealt with it.${goingOn(running)}`;
  if (handling.state === 'released')
    return `Released: it was judged harmless and will not be stopped again for this evidence.${goingOn(running)}`;
  if (isOfHost(attack))
    return "See that the host is up and that Norn's agent runs there, and why it did not; then archive this.";
  return nextOfAttack(attack, lives);
}

function nextOfAttack(attack: Attack, lives: Running): string {
  const { running, unknown, notRead: isNotRead = false } = lives;
  const { handling } = attack;
  if (running > 0) return stillRunning(running);
  if (unknown > 0) return notKnown(lives);
  if (isNotRead && handling.state !== 'responding' && handling.state !== 'failed')
    return 'Whether anything of it still runs is not known: its stored events are not read.';
  if (handling.state === 'responding') return 'Norn is at work on the host; this page follows it.';
  if (handling.state === 'failed') return 'The response did not succeed: see Commands for the reason, then try again.';
  const undone = undoneParts(handling);
  if (undone.length > 0) return undone.join(' ');
  if (filesDecided(handling) > 0) return afterRestore(handling);
  if (attack.killedPids.length > 0)
    return 'It was stopped: restore what it changed, or release it when it was harmless.';
  if (attack.denied > 0) return 'It was denied, so there is nothing to undo: archive it when you have read it.';
  return 'Nothing was stopped: the policy only observes here. Kill it when it is an attack, archive it when it is not.';
}

function afterRestore({ state }: AlertHandling): string {
  return state === 'open'
    ? 'A restore was undone, or there is new evidence since: restore what it changed, or archive it when that is meant to stay.'
    : 'It is over and nothing was lost: archive it when you have read it.';
}

/** Of what somebody has decided about. */
function goingOn(running: number): string {
  return running === 0 ? '' : ` ${ofItStill(running)}.`;
}

function ofItStill(running: number): string {
  return `${counted(running, 'process', 'processes')} of it still ${running === 1 ? 'runs' : 'run'}`;
}

function stillRunning(running: number): string {
  const them = running === 1 ? 'it' : 'them';
  return `${ofItStill(running)}: kill ${them} when this is an attack, release when it is not.`;
}

const doubts: Readonly<Record<Doubt, string>> = {
  '': '',
  silent: "the host does not answer. See that it is up and that Norn's agent runs there.",
  behind: 'what its host said later is not stored yet. Look again in a minute; when it stays so, see Status.',
  lost: 'some of what its host told was lost then. The agent tells again what runs: look again in a minute or two.',
  forgotten: 'it began before the oldest events that are kept. Look on the host.',
};

function notKnown({ unknown, knownAt, doubt }: Running): string {
  const heard = new Date(knownAt).toISOString().slice(0, 16).replace('T', ' ');
  const since = knownAt === 0 || doubt === 'forgotten' ? 'not known' : `not known since ${heard} UTC`;
  const what = unknown === 1 ? '1 process of it still runs' : `${unknown} processes of it still run`;
  return `Whether ${what} is ${since}: ${doubts[doubt]}`;
}

/** What a restore could not do: files that wait for a decision, and files that are lost. */
function undoneParts({ filesConflict, filesLost }: AlertHandling): string[] {
  const parts: string[] = [];
  if (filesConflict > 0) {
    const [were, them] = filesConflict === 1 ? ['it was', 'it'] : ['they were', 'them'];
    parts.push(
      `${counted(filesConflict, 'file')} changed again later by somebody else, so ${were} left alone: decide about ${them} in Files.`,
    );
  }
  if (filesLost > 0) parts.push(`${counted(filesLost, 'file')} could not be brought back: see Files for each reason.`);
  return parts;
}
