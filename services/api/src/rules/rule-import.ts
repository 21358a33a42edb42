// Takes a tenant's rules in: each file by itself, so that one that is wrong stops no other.
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import { type RuleCoverage, coverageOf, parseRule } from '@norn/rules';
import { type ImportedRuleState, type RuleToImport, importRules, setRuleState } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import type { RuleFiles } from '../http/bounds.ts';
import { RuleShelf } from './rule-shelf.ts';

interface Taken {
  readonly rule: RuleToImport;
  readonly coverage: RuleCoverage;
}

@Injectable()
export class RuleImports {
  constructor(
    private readonly database: DataSource,
    private readonly shelf: RuleShelf,
  ) {}

  async take({ tenantId, userName }: Principal, { files }: RuleFiles): Promise<view.RuleImportView> {
    const taken = new Map<string, Taken>();
    const views = files.map(({ name, text }) => {
      try {
        const one = this.read(name, text, taken);
        taken.set(one.rule.ruleId, one);
        return takenView(one);
      } catch (error) {
        if (!(error instanceof NornError) || error.code !== 'rule_invalid') throw error;
        return create(view.ImportedFileViewSchema, { file: name, error: error.message });
      }
    });
    await importRules(this.database, { tenantId, actor: userName, rules: [...taken.values()].map(({ rule }) => rule) });
    return create(view.RuleImportViewSchema, {
      files: views,
      imported: taken.size,
      refused: views.length - taken.size,
    });
  }

  async setState({ tenantId, userName }: Principal, ruleId: string, state: ImportedRuleState): Promise<void> {
    await setRuleState(this.database, { tenantId, actor: userName, ruleId, state });
  }

  private read(file: string, body: string, taken: ReadonlyMap<string, Taken>): Taken {
    const rule = parseRule(file, body);
    const coverage = coverageOf(rule);
    const ruleId = rule.id === '' ? idFor(file) : rule.id;
    const refuse = (why: string): NornError => new NornError('rule_invalid', `${file}:1: id: ${ruleId} ${why}`);
    if (this.shelf.isOwn(ruleId)) throw refuse("is one of Norn's own rules: give the rule an id of its own");
    const twin = taken.get(ruleId);
    if (twin) throw refuse(`is the id of ${twin.rule.file}, too: give each rule its own`);
    const { title, author = '', level } = rule;
    return { rule: { ruleId, title, author, level, file, body }, coverage };
  }
}

/** A name-based UUID (RFC 9562, version 8). */
function idFor(file: string): string {
  const hex = createHash('sha256').update(`norn rule file\0${file}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

function takenView({ rule, coverage }: Taken): view.ImportedFileView {
  return create(view.ImportedFileViewSchema, {
    file: rule.file,
    ruleId: rule.ruleId,
    title: rule.title,
    extent: coverage.extent,
    lacks: coverage.lacks.map(({ what }) => what),
  });
}
