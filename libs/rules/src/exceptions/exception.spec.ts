// What an exception covers, what it does not, and which are refused.
import { create } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { finding } from '@norn/contracts';
import { checkScope, exceptionText, expiryOf, parseException } from './draft.ts';
import { type Exception, ExceptionSet, type FindingFacts, covers } from './exception.ts';
import { proposeException } from './propose.ts';

const sha256 = 'ab'.repeat(32);

function found(more: Partial<FindingFacts> = {}): finding.Finding {
  return create(finding.FindingSchema, {
    ruleId: 'rule-1',
    source: finding.FindingSource.RULE,
    hostId: 'host-1',
    timeUs: 1_000n,
    process: {
      imagePath: '/usr/bin/backup',
      imageSha256: sha256,
      commandLine: 'backup --all',
      parentImagePath: '/usr/sbin/cron',
      containerImage: 'shop/web:1.4',
      package: 'backup-tools',
    },
    evidence: [
      { field: 'Image', value: '/usr/bin/backup' },
      { field: 'TargetFilename', value: '/srv/backup/today' },
    ],
    ...more,
  });
}

/** A finding of which the batch did not know the process. */
function unknown(): finding.Finding {
  return create(finding.FindingSchema, { ...found(), process: undefined });
}

/** Of what was thrown; empty when nothing was. */
function codeOf(act: () => unknown): string {
  try {
    act();
    return '';
  } catch (error) {
    return error instanceof NornError ? error.code : 'unexpected';
  }
}

const anyProcess = { sha256: '', imagePath: '', package: '', parentImage: '', commandLine: '' };
const anyPlace = { containerImage: '', hostId: '', hostGroup: '', pathPrefix: '' };

function exception(more: Partial<Exception> = {}): Exception {
  const process = { ...anyProcess, imagePath: '/usr/bin/backup' };
  const place = { ...anyPlace, containerImage: 'shop/web:1.4' };
  return { id: 'e1', ruleId: 'rule-1', process, place, evidence: [], fromUs: 1_000n, untilUs: 2_000n, ...more };
}

describe('an exception', () => {
  it('covers its rule, process and place from its first moment to before its last, by the event', () => {
    const times = [999n, 1_000n, 1_999n, 2_000n];
    expect(times.map((timeUs) => covers(exception(), found({ timeUs })))).toEqual([false, true, true, false]);
    expect(covers(exception(), found({ ruleId: 'rule-2' }))).toBe(false);
  });

  it.each<[string, Partial<Exception>]>([
    ['another hash', { process: { ...anyProcess, sha256: 'cd'.repeat(32) } }],
    ['another image', { process: { ...anyProcess, imagePath: '/usr/bin/back' } }],
    ['another package', { process: { ...anyProcess, imagePath: '/usr/bin/backup', package: 'backup' } }],
    ['another parent', { process: { ...anyProcess, sha256, parentImage: '/bin/sh' } }],
    ['another command line', { process: { ...anyProcess, sha256, commandLine: 'backup' } }],
    ['another image of the container', { place: { ...anyPlace, containerImage: 'shop/web' } }],
    ['another host', { place: { ...anyPlace, hostId: 'host-2' } }],
    ['another group of hosts', { place: { ...anyPlace, hostGroup: 'databases' } }],
    ['another directory', { place: { ...anyPlace, pathPrefix: '/srv/back' } }],
    ['other evidence', { evidence: [{ field: 'TargetFilename', value: '/srv/backup' }] }],
  ])('does not cover %s', (_what, more) => {
    expect(covers(exception(), found())).toBe(true);
    expect(covers(exception(more), found())).toBe(false);
  });

  it('covers all that it names', () => {
    const whole = exception({
      process: {
        sha256,
        imagePath: '/usr/bin/backup',
        package: 'backup-tools',
        parentImage: '/usr/sbin/cron',
        commandLine: 'backup --all',
      },
      place: { containerImage: 'shop/web:1.4', hostId: 'host-1', hostGroup: 'shop', pathPrefix: '/srv/backup' },
      evidence: [{ field: 'Image', value: '/usr/bin/backup' }],
    });
    expect(covers(whole, { ...found(), hostGroups: ['all', 'shop'] })).toBe(true);
    expect(covers(whole, found())).toBe(false);
  });

  it('does not cover what is not known', () => {
    expect(covers(exception(), unknown())).toBe(false);
  });

  it.each([
    ['a path that climbs out', ['/srv/backup/../../etc/shadow'], false],
    ['one file of two that is elsewhere', ['/srv/backup/a', '/etc/shadow'], false],
    ['no file at all', [], false],
    ['the directory and what is below it', ['/srv/backup', '/srv/backup/a/b'], true],
  ])('of a directory judges %s', (_what, paths, isCovered) => {
    const place = { ...anyPlace, pathPrefix: '/srv/backup' };
    const evidence = create(finding.FindingSchema, {
      evidence: paths.map((value) => ({ field: 'TargetFilename', value })),
    }).evidence;
    expect(covers(exception({ place }), found({ evidence }))).toBe(isCovered);
  });

  it('is found among others by its rule', () => {
    const set = new ExceptionSet([exception({ id: 'other', ruleId: 'rule-2' }), exception()]);
    expect(set.covering(found())?.id).toBe('e1');
    expect(set.covering(found({ ruleId: 'rule-3' }))).toBeUndefined();
  });
});

describe('an exception is refused', () => {
  it.each<[string, Partial<Exception>, string]>([
    ['without a process', { process: { ...anyProcess, parentImage: '/bin/sh' } }, 'exception_too_wide'],
    ['without a place', { place: anyPlace }, 'exception_too_wide'],
    ['for half the file system', { place: { ...anyPlace, pathPrefix: '/usr/' } }, 'exception_too_wide'],
    ['for a path that climbs', { place: { ...anyPlace, pathPrefix: '/srv/a/../b' } }, 'exception_too_wide'],
    [
      'for a package without a program',
      { process: { ...anyProcess, sha256, package: 'coreutils' } },
      'exception_too_wide',
    ],
    ['for a reflex by a path', { ruleId: 'reflex.ransomware' }, 'exception_of_reflex'],
    ['for a value that was cut', { evidence: [{ field: 'f', value: 'x'.repeat(512) }] }, 'exception_value_cut'],
  ])('%s', (_what, more, code) => {
    const refused = (scope: Exception): string =>
      codeOf(() => {
        checkScope(scope);
      });
    expect([refused(exception()), refused(exception(more))]).toEqual(['', code]);
  });

  it('when it is over already or lasts longer than a year; else it lasts 30 days', () => {
    const nowMs = Date.parse('2026-11-27T00:00:00Z');
    expect(expiryOf({}, nowMs).toISOString()).toBe('2026-12-27T00:00:00.000Z');
    expect(expiryOf({ expiresAt: '2027-11-27T00:00:00Z' }, nowMs).getUTCFullYear()).toBe(2027);
    for (const expiresAt of ['2026-11-27T00:00:00Z', '2027-11-27T00:00:01Z'])
      expect(codeOf(() => expiryOf({ expiresAt }, nowMs))).toBe('exception_expiry');
  });

  it('as a file that is none, with what is wrong', () => {
    const refused = (text: string): string => {
      try {
        parseException('e.yml', text);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refused('ruleId: [')).toMatch(/^e\.yml: /);
    expect(refused('ruleId: a\nprocess: {}\nreason: x\nhosts: all')).toContain('hosts');
    expect(refused('ruleId: a\nprocess: { imagePath: bin/x }\nreason: x')).toContain('a path begins with "/"');
    expect(refused('ruleId: a\nprocess: {}\nreason: " "')).toContain('reason');
  });
});

describe('the exception proposed for a finding', () => {
  it('names the program, how it was run, the image and the file, and covers the finding', () => {
    const scope = proposeException(found());
    expect(scope).toEqual({
      ruleId: 'rule-1',
      process: {
        sha256: '',
        imagePath: '/usr/bin/backup',
        package: 'backup-tools',
        parentImage: '/usr/sbin/cron',
        commandLine: 'backup --all',
      },
      place: { containerImage: 'shop/web:1.4', hostId: '', hostGroup: '', pathPrefix: '' },
      evidence: [{ field: 'TargetFilename', value: '/srv/backup/today' }],
    });
    expect(covers({ ...exception(), ...scope }, found())).toBe(true);
  });

  it('goes by the hash of a program of no package, or of one that is changed', () => {
    const { process } = found();
    const { sha256: hash, package: name } = proposeException(found({ process: { ...process!, package: '' } })).process;
    expect([hash, name]).toEqual([sha256, '']);
  });

  it('goes by its package for a reflex, too', () => {
    const ruleId = 'reflex.ransomware';
    expect(proposeException(found({ ruleId })).process).toMatchObject({ sha256: '', package: 'backup-tools' });
  });

  it('names the host outside a container', () => {
    const { process, ...rest } = found();
    const scope = proposeException({ ...rest, process: { ...process!, containerImage: '' } });
    expect(scope.place).toEqual({ ...anyPlace, hostId: 'host-1' });
  });

  it('is refused for a process that is not known, and for a reflex on a program whose hash is not', () => {
    expect(codeOf(() => proposeException(unknown()))).toBe('exception_unsuited');
    const reflex = found({ ruleId: 'reflex.miner' });
    expect(covers({ ...exception(), ...proposeException(reflex) }, reflex)).toBe(true);
    const withoutHash = { ...reflex, process: { ...reflex.process!, imageSha256: '', package: '' } };
    expect(codeOf(() => proposeException(withoutHash))).toBe('exception_of_reflex');
  });

  it('reads back from its file as it was', () => {
    const expiresAt = '2026-12-27T00:00:00.000Z';
    const text = exceptionText(proposeException(found()), 'our own backup', expiresAt);
    const { reason, ...read } = parseException('e.yml', text);
    expect([read, reason]).toEqual([{ ...proposeException(found()), expiresAt }, 'our own backup']);
  });
});
