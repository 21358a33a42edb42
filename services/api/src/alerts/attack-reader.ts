// All that one view of an alert asks of stored events: the summary kept with it; a page of files, the container and the ends of its processes by
// their keys.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { undoneIds } from '@norn/response';
import type { CommandRecord } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';
import { Telemetry } from '../model/telemetry.port.ts';
import type { Attack } from '../model/attack/attack.ts';
import { type ContainerRow, containersByIdQuery } from '../model/container/container.queries.ts';
import { type FileRow, filesQuery } from './alerts.queries.ts';
import { AttackSummaries, type ShownSummary } from '../model/attack/attack-summaries.ts';
import { type Lives, ProcessLives } from '../model/attack/process-lives.ts';

export interface ReadAttack {
  readonly shown: ShownSummary;
  readonly lives: Lives;
  readonly files: readonly FileRow[];
  readonly container: ContainerRow | undefined;
  /** Files could not be read. */
  readonly unavailable: boolean;
}

interface Reading {
  readonly commands: readonly CommandRecord[];
  /** A summary that could not be made is tried once more. */
  readonly again: boolean;
}

@Injectable()
export class AttackReader {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly summaries: AttackSummaries,
    private readonly lives: ProcessLives,
    private readonly telemetry: Telemetry,
  ) {}

  async read(tenantId: string, attack: Attack, { commands, again }: Reading): Promise<ReadAttack> {
    const { id, hostId } = attack.handling;
    const [shown, files, containers] = await Promise.all([
      this.summaries.of(tenantId, attack, again),
      this.orNothing(id, this.files(tenantId, id, commands, 0)),
      this.orNothing(id, this.container(tenantId, attack)),
    ]);
    const container = containers?.[0];
    const { rows, ancestors, ends } = shown.summary;
    const ended = new Map((containers ?? []).map((row) => [row.containerId, row]));
    const lives = await this.lives.of(tenantId, { hostId, rows: [...rows, ...ancestors], ends, containers: ended });
    return { shown, lives, files: files ?? [], container, unavailable: files === undefined };
  }

  /** Throws `telemetry_unavailable`. */
  files(tenantId: string, id: string, commands: readonly CommandRecord[], offset: number): Promise<FileRow[]> {
    return this.telemetry.rows<FileRow>(tenantId, filesQuery(id, undoneIds(commands), offset));
  }

  private container(tenantId: string, { alert, handling }: Attack): Promise<ContainerRow[]> {
    if (alert.containerId === '') return Promise.resolve([]);
    return this.telemetry.rows<ContainerRow>(tenantId, containersByIdQuery([alert.containerId], handling.hostId));
  }

  /** Undefined when stored events can not be read. */
  private async orNothing<Row>(id: string, rows: Promise<Row[]>): Promise<Row[] | undefined> {
    try {
      return await rows;
    } catch (error) {
      this.log.warn({ alert: id, error: messageOf(error) }, 'events of an alert could not be read');
      return undefined;
    }
  }
}
