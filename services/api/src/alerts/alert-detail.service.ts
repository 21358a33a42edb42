// Everything about one attack: handling, commands and the summary kept with it from the control plane; files, ends and the container by their keys
// from stored events. Nothing here reads what a host did.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import type { Principal } from '../access/principal.ts';
import { AttackPlaces } from '../model/attack/attack-places.ts';
import { filesMax } from '../model/attack/attack.queries.ts';
import { filesDecided } from '../model/attack/attack.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { alertDetailView } from './alert-detail.view.ts';
import { AttackReader } from './attack-reader.ts';
import { fileView } from './file.view.ts';

@Injectable()
export class AlertDetailService {
  constructor(
    private readonly control: ControlPlane,
    private readonly places: AttackPlaces,
    private readonly reader: AttackReader,
  ) {}

  /** `again`: a summary that could not be made is tried once more. Throws `alert_unknown`. */
  async detail({ tenantId, role }: Principal, id: string, again: boolean): Promise<view.AlertDetail> {
    const attack = await this.control.attack(tenantId, id);
    const [commands, responses] = await Promise.all([
      this.control.commandsOf(tenantId, id),
      this.control.protections(tenantId),
    ]);
    const [placeOf, read] = await Promise.all([
      this.places.of(tenantId, [attack]),
      this.reader.read(tenantId, attack, { commands, again }),
    ]);
    return alertDetailView({ attack, place: placeOf(attack), commands, responses, role, ...read });
  }

  /** A page of its files, what was lost first. Throws `alert_unknown`. */
  async files(tenantId: string, id: string, offset: number): Promise<view.FileList> {
    const attack = await this.control.attack(tenantId, id);
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
