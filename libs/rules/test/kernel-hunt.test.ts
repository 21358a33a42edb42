// Every rule of the pack, hunted for among the test events of all of them in a real ClickHouse, finds what the engine finds.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { capabilitySets } from '@norn/contracts';
import { startClickHouse, type TestClickHouse } from '@norn/testkit';
import {
  buildRuleBatch,
  compileHunt,
  kernelColumns,
  parseRule,
  processTable,
  RuleEngine,
  type Rule,
} from '../src/index.ts';
import type { RuleBatch } from '../src/index.ts';

const folder = join(import.meta.dirname, '../pack');
const rules = readdirSync(folder)
  .filter((file) => file.endsWith('.yml'))
  .map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8')));
const events = rules.flatMap(({ tests }) => [...(tests?.positive ?? []), ...(tests?.negative ?? [])]);
const batch = buildRuleBatch(events);

const eventColumns =
  'at UInt32, kind UInt8, pid UInt32, container_id String, image_path String, path String, target String, flags UInt32, value UInt64, result Int32';
const processColumns =
  'of UInt32, seen_time DateTime64(6), command_line String, working_directory String, environment String, parent_pid UInt32, user_id UInt32, user_name String, group_id UInt32, container_image String, pod_namespace String, pod_labels Array(String), ancestor_images Array(String), parent_command_line String, image_flags UInt32, image_sha256 FixedString(32), terminal String, login_user_id UInt32, session_id UInt32, package String, package_version String, ' +
  capabilitySets.map((set) => `capabilities_${set} UInt64`).join(', ');

/** The row of `events` that storage makes of a row of a batch. */
function eventRow(of: RuleBatch, at: number) {
  return {
    at,
    kind: of.kind[at],
    pid: of.processPid[at],
    container_id: of.text(of.containerId[at]!),
    image_path: of.text(of.imagePath[at]!),
    path: of.text(of.path[at]!),
    target: of.text(of.target[at]!),
    flags: of.flags[at],
    value: String(of.value[at]),
    result: of.result[at],
  };
}

/** And that of `processes`. */
function processRow(of: RuleBatch, at: number) {
  return {
    of: at,
    seen_time: '2026-01-01 00:00:00.000000',
    command_line: of.text(of.imageCommandLine[at]!),
    working_directory: of.text(of.imageWorkingDirectory[at]!),
    environment: of.text(of.imageEnvironment[at]!),
    parent_pid: of.processParentPid[at],
    user_id: of.processUserId[at],
    user_name: of.userName(at),
    group_id: of.processGroupId[at],
    terminal: of.text(of.processTerminal[at]!),
    login_user_id: of.processLoginUserId[at],
    session_id: of.processSessionId[at],
    ...Object.fromEntries(
      capabilitySets.map((set, number) => [
        `capabilities_${set}`,
        String(of.processCapabilities[at * capabilitySets.length + number]),
      ]),
    ),
    package: of.text(of.imagePackage[at]!),
    package_version: of.text(of.imagePackageVersion[at]!),
    container_image: of.containerImage(at),
    pod_namespace: of.podNamespace(at),
    pod_labels: of.podLabels(at),
    pod_owner: of.podOwner(at),
    ancestor_images: of.ancestorImages(at),
    parent_command_line: of.parentCommandLine(at),
    image_flags: of.imageFlags[at],
    image_sha256: '',
  };
}

describe('the pack', () => {
  let clickhouse: TestClickHouse;
  let client: ClickHouseClient;

  beforeAll(async () => {
    clickhouse = await startClickHouse();
    const { url, database, writerPassword: password } = clickhouse;
    client = createClient({ url, database, username: 'norn_writer', password });
    await client.command({ query: `CREATE TABLE pack_events (${eventColumns}) ENGINE = MergeTree ORDER BY at` });
    await client.command({ query: `CREATE TABLE pack_processes (${processColumns}) ENGINE = MergeTree ORDER BY of` });
    const numbers = [...events.keys()];
    const insert = (table: string, values: readonly object[]) =>
      client.insert({ table, values, format: 'JSONEachRow' });
    await insert(
      'pack_events',
      numbers.map((at) => eventRow(batch, at)),
    );
    await insert(
      'pack_processes',
      numbers.map((at) => processRow(batch, at)),
    );
  });

  afterAll(async () => {
    await client.close();
    await clickhouse.stop();
  });

  async function hunted(rule: Rule): Promise<number[]> {
    const { where, parameters } = compileHunt(rule, kernelColumns);
    const from = `pack_events LEFT JOIN pack_processes AS ${processTable} ON at = ${processTable}.of`;
    const found = await client.query({
      query: `SELECT at FROM ${from} WHERE ${where} ORDER BY at`,
      query_params: parameters,
      format: 'JSONEachRow',
    });
    return (await found.json<{ at: number }>()).map(({ at }) => at);
  }

  it('finds in history what it finds as it happens', async () => {
    const differing: unknown[] = [];
    let total = 0;
    for (const rule of rules) {
      const history = await hunted(rule);
      const matches = new RuleEngine([rule]).evaluate(batch).matches.map(({ row }) => row);
      total += matches.length;
      if (String(history) !== String(matches)) differing.push({ file: rule.file, history, matches });
    }
    expect(differing).toEqual([]);
    expect(total).toBeGreaterThan(rules.length * 2);
  });
});
