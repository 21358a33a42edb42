// Reads the rules that Norn comes with. A rule that can not be used stops the start: silence would look like peace.
import { parseRule, type Rule } from '@norn/rules';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Throws `rule_invalid`. */
export function readRulePack(): Rule[] {
  const folder = dirname(createRequire(import.meta.url).resolve('@norn/rules/pack/preload_library.yml'));
  const files = readdirSync(folder).filter((file) => file.endsWith('.yml'));
  return files.sort().map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8')));
}
