// A tenant's rules: listed with what they cost and found, and taken in, each file by itself, so that one that is wrong stops no other.
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import { readEach } from '@norn/rules';
import { type ImportedRuleState, importRules, importedRules, removeRule, setRuleState } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { RulePack } from '../model/rule-pack.ts';
import type { RuleFiles } from './rules.request.ts';
import { type Candidate, ImportRound } from './import-round.ts';
import { extentOf } from './rule-extent.ts';
import { RuleFigureReader } from './rule-figures.ts';
import { RuleShelf } from './rule-shelf.ts';
import { ruleList } from './rules.view.ts';
import { refuseNulOf, refuseUnseen } from './unseen-characters.ts';
import { refuseOff, refuseRemoval, refuseWithoutParts } from './rule-needs.ts';

@Injectable()
export class RulesService {
  constructor(
    private readonly database: DataSource,
    private readonly pack: RulePack,
    private readonly shelf: RuleShelf,
    private readonly figures: RuleFigureReader,
  ) {}

  async list(tenantId: string): Promise<view.RuleList> {
    const [rules, figures] = await Promise.all([this.shelf.rulesOf(tenantId), this.figures.of(tenantId)]);
    return ruleList(rules, figures);
  }

  async take({ tenantId, userName }: Principal, { files }: RuleFiles): Promise<view.RuleImportView> {
    const there = await importedRules(this.database, tenantId);
    const round = new ImportRound(this.pack.ruleSet, there);
    for (const file of files) round.take(file.name, () => candidatesOf(file));
    round.settle();
    const rules = round.candidates.map(({ rule, ruleId, body }) => {
      const { title, author = '', file } = rule;
      const level = rule.kind === 'filter' ? 'informational' : rule.level;
      return { ruleId, title, author, level, file, body };
    });
    await importRules(this.database, { tenantId, actor: userName, rules });
    const views = round.files.flatMap(({ name, error, candidates }) =>
      error === undefined
        ? candidates.map((each) => takenView(each, round))
        : [create(view.ImportedFileViewSchema, { file: name, error })],
    );
    return create(view.RuleImportViewSchema, {
      files: views,
      imported: rules.length,
      refused: round.files.filter(({ error }) => error !== undefined).length,
    });
  }

  async setState({ tenantId, userName }: Principal, ruleId: string, state: ImportedRuleState): Promise<void> {
    const check = state === 'off' ? refuseOff : refuseWithoutParts;
    await setRuleState(this.database, { tenantId, actor: userName, ruleId, state }, (rows) => {
      check(rows, ruleId);
    });
  }

  async remove({ tenantId, userName }: Principal, ruleId: string): Promise<void> {
    await removeRule(this.database, { tenantId, actor: userName, ruleId }, (rows) => {
      refuseRemoval(rows, ruleId);
    });
  }
}

/** Throws `rule_invalid`. */
function candidatesOf({ name, text }: RuleFiles['files'][number]): Candidate[] {
  refuseNulOf({ name, text });
  return readEach({ name, text }).map(({ rule, text: body }, at) => {
    refuseUnseen(rule);
    const ruleId = rule.id === '' ? idFor(at === 0 ? name : `${name}\0${at}`) : rule.id;
    return { ruleId, body, rule: { ...rule, id: ruleId } };
  });
}

/** A name-based UUID (RFC 9562, version 8). */
function idFor(file: string): string {
  const hex = createHash('sha256').update(`norn rule file\0${file}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

function takenView({ rule, ruleId }: Candidate, round: ImportRound): view.ImportedFileView {
  const { extent, lacks } = extentOf(rule, round.known);
  const { file, title } = rule;
  return create(view.ImportedFileViewSchema, { file, ruleId, title, extent, lacks: lacks.map(({ what }) => what) });
}
