// Reads what stored events know about one attack: the lineage first, then all that hangs on it at once.
import { Injectable } from '@nestjs/common';
import { toHex } from '@norn/base';
import type { view } from '@norn/contracts';
import type { TenantQueryParts } from '@norn/store';
import { Telemetry } from '../ports/telemetry.port.ts';
import { type Attack, filesDecided } from '../views/attack.ts';
import { changedFileView, fileView } from '../views/file-view.ts';
import {
  type ActivityRow,
  type AttackWindow,
  type ChangedRow,
  type ConnectionRow,
  type ContainerRow,
  type FileRow,
  type ProcessRow,
  activityQuery,
  ancestorsQuery,
  changedFilesQuery,
  connectionsQuery,
  containersByIdQuery,
  filesQuery,
  lineageQuery,
  lossQuery,
} from './attack-queries.ts';

/** The story begins a little before the first act and goes on after the last word about it. */
const beforeUs = 10 * 60 * 1_000_000;
const afterUs = 60 * 60 * 1_000_000;
const changedByMax = 1000;

export interface Observed {
  readonly rows: readonly ProcessRow[];
  readonly ancestors: readonly ProcessRow[];
  readonly activity: readonly ActivityRow[];
  readonly connections: readonly ConnectionRow[];
  readonly container: ContainerRow | undefined;
  readonly eventsLost: number;
  readonly truncated: boolean;
  filesOf(processes: ReadonlyMap<string, view.ProcessView>): view.FileView[];
}

export const nothingObserved: Observed = {
  rows: [],
  ancestors: [],
  activity: [],
  connections: [],
  container: undefined,
  eventsLost: 0,
  truncated: false,
  filesOf: () => [],
};

@Injectable()
export class AttackTelemetry {
  constructor(private readonly telemetry: Telemetry) {}

  /** `undone`: commands whose verdicts count no longer. */
  async of(tenantId: string, attack: Attack, undone: readonly string[]): Promise<Observed> {
    const window = windowOf(attack);
    const read = <Row>(query: TenantQueryParts): Promise<Row[]> => this.telemetry.rows<Row>(tenantId, query);
    const { containerId } = attack.alert;
    const [rows, activity, connections, files, loss, containers] = await Promise.all([
      read<ProcessRow>(lineageQuery(window)),
      read<ActivityRow>(activityQuery(window)),
      read<ConnectionRow>(connectionsQuery(window)),
      read<FileRow>(filesQuery(attack.handling.id, undone)),
      read<{ lost: number | string }>(lossQuery(window)),
      containerId === '' ? [] : read<ContainerRow>(containersByIdQuery([containerId])),
    ]);
    const [ancestors, changed] = await Promise.all([
      this.ancestors(tenantId, window.hostId, rows),
      files.length > 0 || filesDecided(attack.handling) > 0 ? [] : this.changed(tenantId, window, rows),
    ]);
    return {
      rows,
      ancestors,
      activity,
      connections,
      container: containers[0],
      eventsLost: Number(loss[0]?.lost ?? 0),
      truncated: rows.length >= 6000,
      filesOf: (processes) =>
        files.length > 0 ? files.map((row) => fileView(row, processes)) : changed.map(changedFileView),
    };
  }

  private ancestors(tenantId: string, hostId: string, rows: readonly ProcessRow[]): Promise<ProcessRow[]> {
    const seen = new Set(rows.map(({ uid }) => uid));
    const above = [...new Set(rows.flatMap(({ ancestors }) => ancestors))]
      .filter((uid) => !seen.has(uid))
      .slice(0, 100);
    return above.length === 0
      ? Promise.resolve([])
      : this.telemetry.rows<ProcessRow>(tenantId, ancestorsQuery(hostId, above));
  }

  private changed(tenantId: string, window: AttackWindow, rows: readonly ProcessRow[]): Promise<ChangedRow[]> {
    const scopes = new Set(window.scopes);
    const blamed = rows.filter(({ uid, ancestors }) => scopes.has(uid) || ancestors.some((above) => scopes.has(above)));
    const uids = [...new Set(blamed.map(({ uid }) => uid))].slice(0, changedByMax);
    return uids.length === 0
      ? Promise.resolve([])
      : this.telemetry.rows<ChangedRow>(tenantId, changedFilesQuery(window, uids));
  }
}

function windowOf({ alert, handling, scopes, firstActUs }: Attack): AttackWindow {
  const lineages = [alert.lineageUid, ...alert.findings.map(({ lineageUid }) => lineageUid)];
  return {
    hostId: handling.hostId,
    scopes,
    lineages: [...new Set(lineages.filter(({ length }) => length === 16).map(toHex))],
    fromUs: firstActUs - beforeUs,
    toUs: Math.max(Number(alert.updatedAtUs), handling.updatedAt.getTime() * 1000) + afterUs,
  };
}
