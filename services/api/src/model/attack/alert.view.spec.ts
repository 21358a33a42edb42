import { type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { AlertHandling } from '@norn/store';
import { readAttack } from './attack.ts';
import { alertView, nextOf, notRead, stateText, summaryOf } from './alert.view.ts';

const place = {
  hostName: 'node-3',
  containerName: 'web-1',
  containerImage: 'shop/web:1.4',
  podName: '',
  podNamespace: '',
  imageDigest: '',
  pod: undefined,
  hosts: [],
};

function handlingOf(
  facts: Partial<AlertHandling>,
  response: MessageInitShape<typeof finding.ResponseSchema> = {},
): AlertHandling {
  const alert = create(finding.AlertSchema, {
    title: 'Ransomware',
    summary: 'python3 encrypted 7 files in 38 ms',
    severity: finding.Severity.CRITICAL,
    createdAtUs: 1_000_000n,
    findings: [
      { timeUs: 900_000n, response: create(finding.ResponseSchema, Object.assign({ firstActUs: 800_000n }, response)) },
    ],
  });
  const counts = { filesRestored: 0, filesRemoved: 0, filesUnchanged: 0, filesLost: 0, filesConflict: 0 };
  const body = Buffer.from(toBinary(finding.AlertSchema, alert));
  const rest = { id: 'a', hostId: 'h', state: 'open', killedPids: [], updatedAt: new Date(0), version: 1, body };
  return Object.assign(new AlertHandling(), rest, counts, facts);
}

describe('the sentence of an alert', () => {
  it('says only what happened when nothing was done', () => {
    expect(summaryOf(readAttack(handlingOf({})))).toBe('python3 encrypted 7 files in 38 ms.');
  });

  it('adds what Norn did', () => {
    const handling = handlingOf({ killedPids: [1, 2, 3], filesRestored: 6, filesLost: 1, filesRemoved: 1 });
    expect(summaryOf(readAttack(handling))).toBe(
      'python3 encrypted 7 files in 38 ms; Norn killed 3 processes, restored 6 of 7 files and removed 1 file it had made.',
    );
  });

  it('counts a process once, whoever tells of its end', () => {
    const response = { rung: finding.ResponseRung.KILLED, pids: [7, 8], stoppedUs: 838_000n };
    expect(summaryOf(readAttack(handlingOf({ killedPids: [8] }, response)))).toContain('Norn killed 2 processes.');
  });
});

describe('an alert as people see it', () => {
  it('measures from the first act to the stop', () => {
    const response = { rung: finding.ResponseRung.KILLED, pids: [7], stoppedUs: 838_000n };
    expect(alertView(readAttack(handlingOf({}, response)), place, notRead).stoppedAfterMs).toBe(38);
  });

  it('was stopped in no time when nothing stopped it', () => {
    expect(alertView(readAttack(handlingOf({})), place, notRead)).toMatchObject({ stoppedAfterMs: 0, stoppedBy: '' });
  });
});

describe('an act that the host denied', () => {
  const denied = readAttack(handlingOf({}, { rung: finding.ResponseRung.DENIED, pids: [7] }));

  it('is said so, by whom it was stopped, and who tried it lives on', () => {
    expect(summaryOf(denied)).toBe('python3 encrypted 7 files in 38 ms; Norn did not let it happen.');
    expect(alertView(denied, place, notRead)).toMatchObject({ stoppedBy: 'policy', killedPids: [] });
    expect(nextOf(denied, { running: 1, unknown: 0, knownAt: 1, doubt: '' as const })).toMatch(
      /^1 process of it still runs/,
    );
    expect(nextOf(denied, { running: 0, unknown: 0, knownAt: 1, doubt: '' as const })).toMatch(/^It was denied/);
  });
});

describe('what is left to do', () => {
  it.each([
    ['a process runs', {}, 1, /^1 process of it still runs: kill it/],
    ['nothing was stopped', {}, 0, /^Nothing was stopped/],
    [
      'a file is lost',
      { state: 'stopped', filesRestored: 6, filesLost: 1, killedPids: [1] },
      0,
      /^1 file could not be brought back/,
    ],
    [
      'all files are in conflict',
      { state: 'stopped', filesConflict: 21, killedPids: [1] },
      0,
      /^21 files changed again later by somebody else, so they were left alone: decide about them/,
    ],
    [
      'files wait and one is lost',
      { state: 'stopped', filesConflict: 1, filesLost: 1, killedPids: [1] },
      0,
      /it was left alone.*1 file could not be brought back/,
    ],
    ['a restore was undone', { state: 'open', filesRestored: 13, killedPids: [1] }, 0, /^A restore was undone, or/],
    ['all is well', { state: 'remediated', filesRestored: 7, killedPids: [1] }, 0, /^It is over and nothing was lost/],
    ['the response failed', { state: 'failed', killedPids: [1] }, 0, /did not succeed/],
    ['somebody archived it', { state: 'archived', filesLost: 1 }, 3, /^Archived: .* 3 processes of it still run\.$/],
  ] as const)('when %s', (_, facts, running, sentence) => {
    const lives = { running, unknown: 0, knownAt: 1, doubt: '' as const };
    expect(nextOf(readAttack(handlingOf(facts as Partial<AlertHandling>)), lives)).toMatch(sentence);
  });
});

it('of a host that fell silent it says what to look at, whatever is known of processes', () => {
  const handling = handlingOf({});
  const found = create(finding.FindingSchema, { ruleId: 'norn.host_silent', title: 'Host fell silent' });
  const silent = create(finding.AlertSchema, { title: found.title, findings: [found] });
  handling.body = Buffer.from(toBinary(finding.AlertSchema, silent));
  expect(nextOf(readAttack(handling), notRead)).toMatch(/^See that the host is up/);
});

describe('what is not known', () => {
  const killed = readAttack(handlingOf({ state: 'remediated', filesRestored: 7, killedPids: [1] }));

  it('is neither running nor over', () => {
    const lives = { running: 0, unknown: 2, knownAt: Date.UTC(2026, 10, 29, 16, 40), doubt: 'silent' as const };
    expect(nextOf(killed, lives)).toMatch(
      /^Whether 2 processes of it still run is not known since 2026-11-29 16:40 UTC/,
    );
    expect(alertView(killed, place, lives)).toMatchObject({
      ...{ runningProcesses: 0, unknownProcesses: 2, livesText: 'not known whether it runs' },
    });
  });

  it('is not called over while its events are not read', () => {
    const lives = { running: 0, unknown: 0, knownAt: 1, doubt: '' as const, notRead: true };
    expect(nextOf(killed, lives)).toMatch(/^Whether anything of it still runs is not known/);
  });

  it('is not hidden by what was killed: one that runs is said to', () => {
    expect(nextOf(killed, { running: 1, unknown: 0, knownAt: 1, doubt: '' as const })).toMatch(
      /^1 process of it still runs/,
    );
  });
});

describe('the state of an alert in words', () => {
  it.each([
    [{ state: 'stopped', filesConflict: 21 }, 'Stopped, 21 files wait for you'],
    [{ state: 'stopped', filesConflict: 1, filesRestored: 9 }, 'Stopped, 1 file waits for you'],
    [{ state: 'stopped', filesLost: 1 }, 'Stopped, 1 file lost'],
    [{ state: 'stopped', filesConflict: 21, filesLost: 2 }, 'Stopped, 21 files wait for you, 2 lost'],
    [{ state: 'remediated', filesRestored: 7 }, 'Remediated'],
    [{ state: 'failed', filesConflict: 3 }, 'Failed'],
  ] as const)('%j', (facts, words) => {
    expect(stateText(handlingOf(facts as Partial<AlertHandling>))).toBe(words);
  });
});
