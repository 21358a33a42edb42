// A stored finding with its place: the pids above its process, and the alert that lists or counts it.
import { create, fromBinary } from '@bufbuild/protobuf';
import { fromHex } from '@norn/base';
import { finding, view } from '@norn/contracts';
import { findingView } from '../model/attack/finding.view.ts';
import type { AlertSpanRow, FindingRow } from './findings.queries.ts';

export function placedView(row: FindingRow, alerts: readonly AlertSpanRow[]): view.PlacedFindingView {
  const one = fromBinary(finding.FindingSchema, fromHex(row.body));
  return create(view.PlacedFindingViewSchema, {
    finding: findingView(one),
    hostId: row.hostId,
    containerId: row.containerId,
    alertId: row.alertId || (alerts.find((alert) => counts(alert, row))?.id ?? ''),
    pid: one.pid,
    ancestorPids: one.ancestorPids,
  });
}

function counts(alert: AlertSpanRow, row: FindingRow): boolean {
  const [us, fromUs, toUs] = [row.us, alert.fromUs, alert.toUs].map(Number) as [number, number, number];
  const isSamePlace = alert.hostId === row.hostId && alert.containerId === row.containerId;
  return isSamePlace && alert.lineageUid === row.lineageUid && fromUs <= us && us <= toUs;
}
