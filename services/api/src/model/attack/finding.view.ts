// A finding with its evidence.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { finding, view } from '@norn/contracts';
import { severityWord, timeOf } from '../words.ts';

const rungs = ['observed', 'observed', 'frozen', 'killed', 'killed-at-exec', 'denied'] as const;

export function findingView(found: finding.Finding): view.FindingView {
  return create(view.FindingViewSchema, {
    id: found.id,
    ruleId: found.ruleId,
    ruleVersion: found.ruleVersion,
    title: found.title,
    source: found.source === finding.FindingSource.REFLEX ? 'reflex' : 'rule',
    severity: severityWord(found.severity),
    techniques: found.techniques,
    time: timeOf(found.timeUs),
    processUid: toHex(found.processUid),
    summary: found.summary,
    evidence: found.evidence.map(({ field, value }) => ({ field, value })),
    ruleAuthor: found.ruleAuthor,
    exceptedBy: found.exceptedBy,
    limited: found.limited,
    rung: rungs[found.response?.rung ?? 0],
  });
}
