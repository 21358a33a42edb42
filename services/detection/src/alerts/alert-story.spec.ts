// What findings say together.
import { type MessageInitShape, create } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { storyOf, type Story } from './alert-story.ts';

const { FindingSource, Severity } = finding;

type More = Omit<MessageInitShape<typeof finding.FindingSchema>, '$typeName'>;

function found(rule: string, severity: finding.Severity, timeS: number, more: More = {}): finding.Finding {
  return create(finding.FindingSchema, {
    id: `${rule}-${timeS}`,
    ruleId: rule,
    title: rule,
    summary: `${rule} happened`,
    severity,
    source: FindingSource.RULE,
    techniques: [`T-${rule}`],
    timeUs: BigInt(timeS * 1e6),
    ...more,
  });
}

function story(...findings: finding.Finding[]): Story {
  return storyOf(
    findings,
    findings.reduce((head, each) => (each.severity > head.severity ? each : head)),
  );
}

describe('the story of an attack', () => {
  it('names its steps in the order of their times, each rule once', () => {
    const { summary, techniques } = story(
      found('exec', Severity.HIGH, 9),
      found('shell', Severity.MEDIUM, 1),
      found('shell', Severity.MEDIUM, 4),
      found('fetch', Severity.LOW, 5),
    );
    expect(summary).toBe('shell happened, then fetch happened, then exec happened');
    expect(techniques).toEqual(['T-shell', 'T-fetch', 'T-exec']);
  });

  it('counts the steps that a sentence has no room for', () => {
    const steps = Array.from({ length: 10 }, (_, at) => found(`step${at}`, Severity.LOW, at));
    expect(story(...steps).summary).toMatch(/^step0 happened, .*then step3 happened, and 6 more steps$/);
  });

  it('leaves the word to a reflex, and to a sequence', () => {
    const reflex = found('reflex', Severity.CRITICAL, 3, { source: FindingSource.REFLEX });
    expect(story(found('shell', Severity.MEDIUM, 1), reflex).summary).toBe('reflex happened, with 1 more step');
    const evidence = [create(finding.EvidenceSchema, { field: 'event', value: 'shell happened' })];
    const sequence = found('sequence', Severity.CRITICAL, 3, { evidence, summary: 'shell, then exec' });
    expect(story(found('shell', Severity.MEDIUM, 1), sequence).summary).toBe('shell, then exec');
  });

  it('is as bad as the worst of it, or as the sum of what happened', () => {
    const of = (severity: finding.Severity, rules: number) =>
      story(...Array.from({ length: rules }, (_, at) => found(`rule${at}`, severity, at))).severity;
    expect([1, 2, 3].map((rules) => of(Severity.MEDIUM, rules))).toEqual([
      Severity.MEDIUM,
      Severity.MEDIUM,
      Severity.HIGH,
    ]);
    expect([3, 4].map((rules) => of(Severity.LOW, rules))).toEqual([Severity.LOW, Severity.MEDIUM]);
    expect(of(Severity.HIGH, 3)).toBe(Severity.CRITICAL);
    expect(of(Severity.INFORMATIONAL, 50)).toBe(Severity.INFORMATIONAL);
    // The same again is not worse.
    expect(story(...[1, 2, 3, 4].map((at) => found('one', Severity.MEDIUM, at))).severity).toBe(Severity.MEDIUM);
  });

  it('is the surer the more speaks for it', () => {
    const low = story(found('a', Severity.LOW, 1)).confidence;
    const medium = story(found('a', Severity.MEDIUM, 1)).confidence;
    const both = story(found('a', Severity.LOW, 1), found('b', Severity.MEDIUM, 1)).confidence;
    const reflex = story(found('r', Severity.HIGH, 1, { source: FindingSource.REFLEX })).confidence;
    expect([low, medium, both, reflex]).toEqual([8, 30, 36, 90]);
    const evidence = [create(finding.EvidenceSchema, { field: 'response.withheld' })];
    const withheld = found('r', Severity.MEDIUM, 1, { source: FindingSource.REFLEX, evidence });
    expect(story(withheld).confidence).toBe(30);
  });
});
