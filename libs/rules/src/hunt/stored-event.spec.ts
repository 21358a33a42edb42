// What is stored of an event is enough to say again why a rule found it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRuleBatch, parseRule, RuleEngine, storedEvent, type RuleBatch } from '../index.ts';

const folder = join(import.meta.dirname, '../../pack');
const rules = readdirSync(folder)
  .filter((file) => file.endsWith('.yml'))
  .map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8')));

/** Storage's rows of the event and of its process. */
function stored(batch: RuleBatch, at: number) {
  const event = {
    kind: batch.kind[at]!,
    pid: batch.processPid[at]!,
    imagePath: batch.text(batch.imagePath[at]!),
    containerId: batch.text(batch.containerId[at]!),
    path: batch.text(batch.path[at]!),
    target: batch.text(batch.target[at]!),
    flags: batch.flags[at]!,
    value: batch.value[at]!,
    result: batch.result[at]!,
  };
  const process = {
    commandLine: batch.text(batch.imageCommandLine[at]!),
    parentPid: batch.processParentPid[at]!,
    userId: batch.processUserId[at]!,
    groupId: batch.processGroupId[at]!,
    terminal: batch.text(batch.processTerminal[at]!),
    loginUserId: batch.processLoginUserId[at]!,
    sessionId: batch.processSessionId[at]!,
    capabilities: [...batch.processCapabilities.subarray(at * 5, at * 5 + 5)],
    package: batch.text(batch.imagePackage[at]!),
    packageVersion: batch.text(batch.imagePackageVersion[at]!),
    workingDirectory: batch.text(batch.imageWorkingDirectory[at]!),
    environment: batch.text(batch.imageEnvironment[at]!),
    userName: batch.userName(at),
    containerImage: batch.containerImage(at),
    podNamespace: batch.podNamespace(at),
    podLabels: batch.podLabels(at),
    podOwner: batch.podOwner(at),
    ancestorImages: batch.ancestorImages(at),
    parentCommandLine: batch.parentCommandLine(at),
    imageFlags: batch.imageFlags[at]!,
    sha256: batch.imageSha256(at),
  };
  return storedEvent(event, process);
}

describe('a stored event', () => {
  it.each(rules.map((rule) => [rule.file, rule] as const))(
    'is found again by %s, with the same evidence',
    (_, rule) => {
      const engine = new RuleEngine([rule]);
      const batch = buildRuleBatch(rule.tests?.positive ?? []);
      const evidence = (of: RuleBatch) => engine.evaluate(of).matches.map((match) => match.evidence);
      const again = buildRuleBatch(Array.from({ length: batch.rowCount }, (_, at) => stored(batch, at)));
      expect(evidence(again)).toEqual(evidence(batch));
    },
  );
});
