// Everything about one attack: handling, commands and the summary kept with it from the control plane; files, ends and the container by their keys
// from stored events. Nothing here reads what a host did.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import type { PolicyTable } from '@norn/response';
import { type AlertHandling, type CommandRecord, isIsolated, standingRestores } from '@norn/store';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { containerView } from '../model/containers/container.view.ts';
import { actionsOf } from '../views/actions.ts';
import { type Running, alertView } from '../model/attack/alert.view.ts';
import { type Attack, type Place, filesDecided, readAttack } from '../model/attack/attack.ts';
import { commandView } from '../model/commands/command.view.ts';
import { changedFileView, connectionView, fileView } from '../views/file-view.ts';
import { findingView } from '../model/attack/finding.view.ts';
import { stepViews } from '../views/step-view.ts';
import { livesOf, processViews } from '../views/process-view.ts';
import { timeline } from '../views/timeline.ts';
import { restoreScopes } from '../views/restore-scopes.ts';
import { filesMax } from '../model/attack/attack.queries.ts';
import { AlertViews } from '../model/attack/alert-views.ts';
import { AttackReader, type ReadAttack } from './attack-reader.ts';
import { AttackPlaces } from '../model/attack/attack-places.ts';

const finished = new Set(['succeeded', 'failed', 'expired', 'cancelled']);

@Injectable()
export class AlertDetails {
  constructor(
    private readonly control: ControlPlane,
    private readonly places: AttackPlaces,
    private readonly views: AlertViews,
    private readonly reader: AttackReader,
  ) {}

  async view(tenantId: string, id: string): Promise<view.AlertView> {
    return this.views.one(tenantId, readAttack(await this.handling(tenantId, id)));
  }

  /** Throws `alert_unknown` when the tenant has no such alert. */
  async handling(tenantId: string, id: string): Promise<AlertHandling> {
    const handling = await this.control.alert(tenantId, id);
    if (handling === null) throw new NornError('alert_unknown', `There is no alert ${id} in your tenant`);
    return handling;
  }

  /** `again`: a summary that could not be made is tried once more. */
  async detail({ tenantId, role }: Principal, id: string, again = false): Promise<view.AlertDetail> {
    const attack = readAttack(await this.handling(tenantId, id));
    const [commands, policies] = await Promise.all([
      this.control.commandsOf(tenantId, id),
      this.control.protections(tenantId),
    ]);
    const [placeOf, read] = await Promise.all([
      this.places.of(tenantId, [attack]),
      this.reader.read(tenantId, attack, { commands, again }),
    ]);
    return compose({ attack, place: placeOf(attack), commands, policies, role, ...read });
  }

  /** Uids of its processes, 32 hex each; none of an alert that the tenant does not have. */
  async stillRunning(tenantId: string, id: string): Promise<string[]> {
    const handling = await this.control.alert(tenantId, id);
    return handling === null ? [] : this.views.stillRunning(tenantId, readAttack(handling));
  }

  /** A page of its files, what was lost first. */
  async moreFiles(tenantId: string, id: string, offset: number): Promise<view.FileList> {
    const attack = readAttack(await this.handling(tenantId, id));
    const commands = await this.control.commandsOf(tenantId, id);
    const rows = await this.reader.files(tenantId, id, commands, offset);
    const files = rows.slice(0, filesMax).map((row) => fileView(row, new Map()));
    return create(view.FileListSchema, {
      files,
      filesTotal: Math.max(offset + rows.length, filesDecided(attack.handling)),
      nextOffset: rows.length > filesMax ? offset + filesMax : 0,
    });
  }
}

interface Parts extends ReadAttack {
  readonly attack: Attack;
  readonly place: Place;
  readonly commands: readonly CommandRecord[];
  readonly policies: PolicyTable;
  readonly role: Principal['role'];
}

function compose(parts: Parts): view.AlertDetail {
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
  const running: Running = { ...livesOf(processes), knownAt: lives.knownAt, notRead };
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
    telemetryPending: shown.pending,
    telemetryProblem: shown.problem,
  });
}

function actionsFor(
  { attack, place, role, commands, container, policies }: Parts,
  {
    running,
    filesTotal,
    byUid,
  }: { running: Running; filesTotal: number; byUid: ReadonlyMap<string, view.ProcessView> },
): view.ActionView[] {
  return actionsOf({
    ...{ attack, place, role, filesTotal },
    ...restoreScopes(attack, policies, byUid),
    runningProcesses: running.running,
    unknownProcesses: running.unknown,
    knownAt: running.knownAt,
    containerEnded: Number(container?.endedUs ?? 0) > 0,
    underWay: new Set<string>(commands.filter(({ state }) => !finished.has(state)).map(({ action }) => action)),
    isRestored: standingRestores(commands).length > 0,
    isIsolated: isIsolated(commands),
  });
}
