// The steps of an attack, with the names of their techniques.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { type finding, view } from '@norn/contracts';
import { attackSteps, attackTechniqueName } from '@norn/rules';
import { severityWord, timeOf } from '../model/words.ts';

export function stepViews(findings: readonly finding.Finding[]): view.AlertStep[] {
  return attackSteps(findings).map((step) =>
    create(view.AlertStepSchema, {
      time: timeOf(step.timeUs),
      ruleId: step.ruleId,
      title: step.title,
      severity: severityWord(step.severity),
      techniques: step.techniques.map((id) => ({ id, name: attackTechniqueName(id) ?? '' })),
      summary: step.summary,
      findings: findings.filter(({ ruleId }) => ruleId === step.ruleId).length,
      processUid: toHex(step.processUid),
    }),
  );
}
