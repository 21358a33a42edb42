// Everything about one attack: handling and commands from the control plane, processes, files and connections from stored events.
// An alert may be known before its processes are: what is there is shown, and the console asks again.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError, messageOf } from '@norn/base';
import { view } from '@norn/contracts';
import { type AlertHandling, type CommandRecord, isIsolated, standingRestores, undoneIds } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../adapters/control-plane.ts';
import { containerView } from '../installation/container-view.ts';
import { actionsOf } from '../views/actions.ts';
import { alertView } from '../views/alert-view.ts';
import { type Attack, type Place, filesDecided, readAttack } from '../views/attack.ts';
import { commandView } from '../views/command-view.ts';
import { connectionView } from '../views/file-view.ts';
import { findingView } from '../views/finding-view.ts';
import { stepViews } from '../views/step-view.ts';
import { foremost, processViews, runningOf } from '../views/process-view.ts';
import { timeline } from '../views/timeline.ts';
import { AttackTelemetry, type Observed, nothingObserved } from './attack-telemetry.ts';
import { filesMax, processesMax } from './attack-queries.ts';
import { Places } from './places.ts';

const finished = new Set(['succeeded', 'failed', 'expired', 'cancelled']);

@Injectable()
export class AlertDetails {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly control: ControlPlane,
    private readonly places: Places,
    private readonly observations: AttackTelemetry,
  ) {}

  /** Throws `alert_unknown` when the tenant has no such alert. */
  async handling(tenantId: string, id: string): Promise<AlertHandling> {
    const handling = await this.control.alert(tenantId, id);
    if (handling === null) throw new NornError('alert_unknown', `There is no alert ${id} in your tenant`);
    return handling;
  }

  async view(tenantId: string, id: string): Promise<view.AlertView> {
    const attack = readAttack(await this.handling(tenantId, id));
    const placeOf = await this.places.of(tenantId, [attack]);
    return alertView(attack, placeOf(attack));
  }

  async detail({ tenantId, role }: Principal, id: string): Promise<view.AlertDetail> {
    const attack = readAttack(await this.handling(tenantId, id));
    const commands = await this.control.commandsOf(tenantId, id);
    const [placeOf, seen] = await Promise.all([
      this.places.of(tenantId, [attack]),
      this.observe(tenantId, attack, undoneIds(commands)),
    ]);
    const place = placeOf(attack);
    return compose({ attack, place, commands, observed: seen.observed, unavailable: seen.unavailable, role });
  }

  private async observe(
    tenantId: string,
    attack: Attack,
    undone: readonly string[],
  ): Promise<{ observed: Observed; unavailable: boolean }> {
    try {
      return { observed: await this.observations.of(tenantId, attack, undone), unavailable: false };
    } catch (error) {
      this.log.warn({ alert: attack.handling.id, error: messageOf(error) }, 'events of an alert could not be read');
      return { observed: nothingObserved, unavailable: true };
    }
  }
}

interface Parts {
  readonly attack: Attack;
  readonly place: Place;
  readonly commands: readonly CommandRecord[];
  readonly observed: Observed;
  readonly unavailable: boolean;
  readonly role: Principal['role'];
}

function compose({ attack, place, commands, observed, unavailable, role }: Parts): view.AlertDetail {
  const processes = processViews(attack, observed);
  const files = observed.filesOf(new Map(processes.map((process) => [process.processUid, process])));
  const connections = observed.connections.map(connectionView);
  const commandPlace = {
    hostName: place.hostName,
    alertTitle: attack.alert.title,
    containerId: attack.alert.containerId,
  };
  const commandViews = commands.map((command) => commandView(command, commandPlace));
  const runningProcesses = runningOf(processes);
  const filesTotal = Math.max(files.length, filesDecided(attack.handling), attack.filesChanged);
  const underWay = new Set<string>(commands.filter(({ state }) => !finished.has(state)).map(({ action }) => action));
  const story = { attack, processes, activity: observed.activity, connections, commands: commandViews };
  return create(view.AlertDetailSchema, {
    alert: alertView(attack, place, runningProcesses),
    findings: attack.alert.findings.map(findingView),
    steps: stepViews(attack.alert.findings),
    processes: [...foremost(processes, processesMax)],
    processesTotal: processes.length,
    processesTruncated: processes.length > processesMax || observed.truncated,
    files: files.slice(0, filesMax),
    filesTotal,
    filesTruncated: files.length > filesMax,
    connections,
    commands: commandViews,
    timeline: timeline(story),
    actions: actionsOf({
      attack,
      place,
      role,
      runningProcesses,
      underWay,
      filesTotal,
      isRestored: standingRestores(commands).length > 0,
      isIsolated: isIsolated(commands),
    }),
    ...(observed.container === undefined ? {} : { container: containerView(observed.container, place.hostName, 0) }),
    eventsLost: observed.eventsLost,
    telemetryUnavailable: unavailable,
  });
}
