// The engine over the events of Norn's sensor, with a sentence for each match.
import { Engine, type EngineOptions, type RuleMatch } from '../engine/engine.ts';
import type { RuleCost } from '../engine/costs.ts';
import type { Rule } from '../sigma/rule.ts';
import type { RuleBatch } from './batch.ts';
import { kernelLayout } from './layout.ts';
import { summarise } from './summary.ts';

export interface EventMatch extends RuleMatch {
  /** What happened, one sentence, without a full stop. */
  readonly summary: string;
}

export class RuleEngine {
  private readonly engine: Engine<RuleBatch>;

  /** Throws `rule_invalid` for a rule it can not compile. */
  constructor(rules: readonly Rule[], options: EngineOptions = {}) {
    this.engine = new Engine(kernelLayout, rules, options);
  }

  /** What rules cost since the last call, dearest first. */
  takeCosts(): RuleCost[] {
    return this.engine.takeCosts();
  }

  evaluate(batch: RuleBatch): { readonly matches: readonly EventMatch[]; readonly refused: number } {
    const { matches, refused } = this.engine.evaluate(batch);
    return {
      matches: matches.map((match) => ({ ...match, summary: summarise(match.rule, batch, match.row) })),
      refused,
    };
  }
}
