// Reads the rules that Norn comes with. A rule that can not be used stops the start: silence would look like peace.
import { readRules, type RuleSet } from '@norn/rules';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Throws `rule_invalid`. */
export function readRulePack(): RuleSet {
  const folder = dirname(createRequire(import.meta.url).resolve('@norn/rules/pack/preload_library.yml'));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yml'));
  return readRules(files.sort().map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })));
}
