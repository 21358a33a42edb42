// What `norn exceptions propose` prints is a file that `norn exceptions add` takes.
import { exceptionText, parseException } from '@norn/rules';
import { visibleText } from '../../print/visible.ts';
import { proposalText } from './exceptions.ts';

const scope = {
  ruleId: 'rule-1',
  process: {
    sha256: '',
    imagePath: '/usr/bin/backup',
    package: 'backup-tools',
    parentImage: '',
    commandLine: 'backup "#1"',
  },
  place: { containerImage: 'shop/web:1.4', hostId: '', hostGroup: '', pathPrefix: '' },
  evidence: [],
};
const expiresAt = '2026-12-27T00:00:00.000Z';
const summary = 'Would have silenced 3 other findings of 1 alert in the last 7 days';
const preview = { findings: 3, alerts: 1, truncated: false, days: 7, examples: [], summary };

describe('a proposed exception', () => {
  it('is printed as a file, with what else it would have silenced behind it', () => {
    const example = { id: '', time: '2026-11-26T10:00:00.000000Z', hostId: '', containerId: '', alertId: '' };
    const text = proposalText({
      exception: {
        ...{ ...scope, id: '', author: '', reason: '', createdAt: '', expiresAt, expired: false, summary: '' },
        ...{ used: 0, usedAt: '', ofReflex: false },
      },
      yaml: exceptionText(scope, 'why', expiresAt),
      preview: { ...preview, examples: [{ ...example, summary: 'backup ran\nruleId: rule-2' }] },
    });
    expect(text).toContain(
      '# Would have silenced 3 other findings of 1 alert in the last 7 days\n#   2026-11-26T10:00:00  ',
    );
    expect(parseException('e.yml', text)).toEqual({ ...scope, reason: 'why', expiresAt });
  });

  it('is the same file where a terminal is not to see its characters', () => {
    const process = { ...scope.process, imagePath: '/tmp/a\u202egpj.sh', commandLine: 'sh -c "\u001b[2J\n\u{e0041}"' };
    const shown = visibleText(exceptionText({ ...scope, process }, 'why', expiresAt));
    expect(shown).not.toMatch(/[\u001b\u202e]/);
    expect(parseException('e.yml', shown)).toEqual({ ...scope, process, reason: 'why', expiresAt });
  });
});
