// The rules that Norn comes with, by what people call them; the stage that judges reads the same files.
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse } from 'node:path';
import { Injectable } from '@nestjs/common';
import { type CorrelationRule, type Rule, type RuleSet, readRules } from '@norn/rules';

export interface PackRule {
  /** Its file without the ending. */
  readonly name: string;
  readonly rule: Rule | CorrelationRule;
}

@Injectable()
export class RulePack {
  readonly ruleSet: RuleSet;
  /** In the order of their names, correlations last; parts of correlations alone have no id and are not among them. */
  readonly rules: readonly PackRule[];

  /** Throws `rule_invalid`. */
  constructor() {
    const folder = dirname(createRequire(import.meta.url).resolve('@norn/rules/pack/preload_library.yml'));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yml'));
    this.ruleSet = readRules(files.sort().map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })));
    const told = this.ruleSet.rules.filter(({ id }) => id !== '');
    this.rules = [...told, ...this.ruleSet.correlations].map((rule) => ({ name: parse(rule.file).name, rule }));
  }

  /** By the name of its file, with or without ending, its id, its own name or its title; case makes no difference. */
  find(called: string): PackRule | undefined {
    const asked = called.toLowerCase();
    return this.rules.find(({ name, rule }) =>
      [name, rule.file, rule.id, rule.name ?? name, rule.title].some((known) => known.toLowerCase() === asked),
    );
  }
}
