// The page of one alert, put together from all that is known of the attack.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { type ProtectionResponses, isFinal, offTheNetwork, standingRestores } from '@norn/response';
import type { CommandRecord, Role } from '@norn/store';
import { type Running, alertView } from '../model/attack/alert.view.ts';
import { filesMax } from '../model/attack/attack.queries.ts';
import { type Attack, type Place, filesDecided, isOfHost } from '../model/attack/attack.ts';
import { findingView } from '../model/attack/finding.view.ts';
import { commandView } from '../model/command/command.view.ts';
import { containerView } from '../model/container/container.view.ts';
import { actionsOf } from './alert-actions.view.ts';
import type { ReadAttack } from './attack-reader.ts';
import { changedFileView, connectionView, fileView } from './file.view.ts';
import { livesOf, processViews } from './process.view.ts';
import { restoreScopes } from './restore-scopes.ts';
import { stepViews } from './step.view.ts';
import { timeline } from './timeline.view.ts';

export interface KnownOfAlert extends ReadAttack {
  readonly attack: Attack;
  readonly place: Place;
  readonly commands: readonly CommandRecord[];
  readonly responses: ProtectionResponses;
  /** Of who asks. */
  readonly role: Role;
}

export function alertDetailView(parts: KnownOfAlert): view.AlertDetail {
  const { attack, place, commands, shown, lives, container } = parts;
  const { summary } = shown;
  const processes = processViews(attack, { ...summary, lives });
  const byUid = new Map(processes.map((process) => [process.processUid, process]));
  const decided = parts.files.map((row) => fileView(row, byUid));
  const files = decided.length > 0 ? decided : summary.changed.map(changedFileView);
  const connections = summary.connections.map(connectionView);
  const commandPlace = {
    hostName: place.hostName,
    alertTitle: attack.alert.title,
    containerId: attack.alert.containerId,
  };
  const commandViews = commands.map((command) => commandView(command, commandPlace));
  const notRead = processes.length === 0 && (shown.pending || shown.problem !== '');
  const running: Running = { ...livesOf(processes), knownAt: lives.knownAt, doubt: lives.doubt, notRead };
  const filesTotal = Math.max(files.length, filesDecided(attack.handling), attack.filesChanged);
  const blamed = processes.filter((process) => process.blamed).length;
  const processesTotal = processes.length + Math.max(0, summary.blamedTotal - blamed);
  return create(view.AlertDetailSchema, {
    alert: alertView(attack, place, running),
    findings: attack.alert.findings.map(findingView),
    steps: stepViews(attack.alert.findings),
    processes,
    processesTotal,
    processesTruncated: processesTotal > processes.length,
    files: files.slice(0, filesMax),
    filesTotal,
    filesTruncated: filesTotal > filesMax,
    connections,
    connectionsTruncated: summary.connectionsTruncated,
    commands: commandViews,
    timeline: timeline({ attack, processes, activity: summary.activity, connections, commands: commandViews }),
    actions: actionsFor(parts, { running, filesTotal, byUid }),
    ...(container === undefined ? {} : { container: containerView(container, place.hostName, 0) }),
    eventsLost: summary.eventsLost,
    telemetryUnavailable: parts.unavailable,
    telemetryPending: shown.pending && !isOfHost(attack),
    telemetryProblem: shown.problem,
  });
}

function actionsFor(
  { attack, place, role, commands, container, responses }: KnownOfAlert,
  {
    running,
    filesTotal,
    byUid,
  }: { running: Running; filesTotal: number; byUid: ReadonlyMap<string, view.ProcessView> },
): view.ActionView[] {
  return actionsOf({
    ...{ attack, place, role, filesTotal },
    ...restoreScopes(attack, responses, byUid),
    runningProcesses: running.running,
    unknownProcesses: running.unknown,
    knownAt: running.knownAt,
    containerEnded: Number(container?.endedUs ?? 0) > 0,
    underWay: new Set<string>(commands.filter(({ state }) => !isFinal(state)).map(({ action }) => action)),
    isRestored: standingRestores(commands).length > 0,
    offTheNetwork: offTheNetwork(commands, new Date()),
  });
}
