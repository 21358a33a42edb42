// The policy that Norn comes with: its own tests, its virtual patches, and that it holds its places.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attackTechniqueName } from '@norn/rules';
import { parsePolicy, testPolicy } from '../index.ts';

const file = join(import.meta.dirname, '../../policies/recommended.yml');
const policy = parsePolicy('recommended.yml', readFileSync(file, 'utf8'));

describe('the recommended policy', () => {
  it('decides every event of its tests as its rules say', () => {
    const { wrong, untested, rules, right, total } = testPolicy(policy);
    console.log(`policy recommended: rules ${rules}, tests ${right}/${total}`);
    expect(wrong).toEqual([]);
    expect(untested).toEqual([]);
  });

  it('has an event that matches and one that does not for each rule', () => {
    for (const { name, tests, description } of policy.rules)
      expect([name, tests.match.length > 0, tests.nomatch.length > 0, description.length > 20]).toEqual([
        name,
        true,
        true,
        true,
      ]);
  });

  it('patches the holes it names, which differ', () => {
    const cves = new Set(policy.rules.flatMap(({ cve }) => cve ?? []));
    expect(cves.size).toBeGreaterThanOrEqual(6);
    expect([...cves]).toEqual(expect.arrayContaining(['CVE-2021-44228', 'CVE-2021-4034', 'CVE-2019-5736']));
  });

  it('says for each rule that does something how loud it is', () => {
    for (const { name, action, level } of policy.rules)
      expect([name, action === 'allow' || level !== undefined]).toEqual([name, true]);
  });

  it('names techniques that the pinned ATT&CK version of the pack has', () => {
    for (const { name, techniques } of policy.rules)
      expect([name, techniques.filter((id) => attackTechniqueName(id) === undefined)]).toEqual([name, []]);
  });
});
