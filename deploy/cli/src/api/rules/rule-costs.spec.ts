// What `./norn rules list --cost` prints.
import { costText } from './rule-costs.ts';

const rule = (title: string, usPer1000Events: number, findings = 0, overBudget = false) => {
  return { id: `${title}-0000-0000`, title, state: 'alert', usPer1000Events, findings, overBudget };
};

describe('the costs of rules', () => {
  it('stand dearest first, with what was found and what is over its budget', () => {
    const text = costText({ rules: [rule('cheap', 0.5, 2), rule('idle', 0), rule('dear', 612, 0, true)] });
    expect(text.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      'µs/1000 EVENTS FOUND BUDGET STATE RULE TITLE',
      '612.0 0 over alert dear-000 dear',
      '0.5 2 alert cheap-00 cheap',
      '612.5 µs for 1,000 events in all, over the last hour; nothing announced the other 1 rules.',
    ]);
  });

  it('do without findings that can not be counted', () => {
    expect(costText({ rules: [rule('cheap', 0.5)], findingsUnavailable: true })).toContain('?');
  });
});
