// The catalogue's actions as they stand in test/e2e/actions, each with the rule of the pack that must find it.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NornError } from '@norn/base';
import { readRulePack } from '@norn/detection/rule-pack';
import type { Rule } from '@norn/rules';
import { actionsFolder } from '../rootfs.ts';
import { parseAction, type AttackAction } from './action.ts';

/** In the order of their names. Throws `action_invalid`. */
export function readActions(): AttackAction[] {
  const files = readdirSync(actionsFolder).filter((file) => file.endsWith('.sh'));
  return files.sort().map((file) => parseAction(file, readFileSync(join(actionsFolder, file), 'utf8')));
}

/** A rule of the pack, of one event or of several. */
export type PackRule = Pick<Rule, 'file' | 'id' | 'title' | 'level' | 'techniques'>;

/** By file name without its ending. */
export function readPack(): Map<string, PackRule> {
  const pack = readRulePack();
  // Parts of a sequence have no id of their own.
  const rules = [...pack.rules, ...pack.correlations].filter(({ id }) => id !== '');
  return new Map(rules.map((rule) => [basename(rule.file, '.yml'), rule]));
}

/** An action and the rule it must set off. */
export interface Entry {
  readonly action: AttackAction;
  readonly rule: PackRule;
}

/** Those whose name or technique contains `only`. Throws `action_unknown` when there is none, and when a rule is missing. */
export function readCatalogue(only = ''): Entry[] {
  const pack = readPack();
  const wanted = readActions().filter(({ name, technique }) => name.includes(only) || technique.startsWith(only));
  if (wanted.length === 0)
    throw new NornError('action_unknown', `No action is called *${only}*: ls ${actionsFolder} shows those there are`);
  return wanted.map((action) => ({ action, rule: ruleOf(action, pack) }));
}

function ruleOf({ file, rule }: AttackAction, pack: ReadonlyMap<string, PackRule>): PackRule {
  const found = pack.get(rule);
  if (found) return found;
  throw new NornError('action_invalid', `${file}: the pack has no rule ${rule}: write libs/rules/pack/${rule}.yml`);
}
