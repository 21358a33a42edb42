import type { ShownJoinToken } from '@norn/contracts';
import { invitationText, numberOf } from './invite.ts';

const made: ShownJoinToken = {
  token: 'secret',
  expiresAt: '2026-11-30T10:20:30.000Z',
  hosts: 1,
  group: '',
  invitation: 'norn1.a.b',
  command: 'echo norn1.a.b | ./norn join -',
  caution: '',
};

describe('how many ./norn hosts invite lets in', () => {
  it('is a number from 1 to 10,000, and what is none is told the bounds', () => {
    expect([numberOf('1'), numberOf('10000')]).toEqual([1, 10_000]);
    for (const text of ['0', '-1', '1.5', '1e3', 'many', '', '10001', '100000000', '9'.repeat(400)])
      expect(() => numberOf(text)).toThrow(/is no number of hosts .* give 1 to 10,000$/);
  });
});

describe('what ./norn hosts invite says', () => {
  it('is the command, for how many and until when', () => {
    const text = invitationText(made);
    expect(text).toMatch(
      /the new host.*Good for one host, until 2026-11-30 10:20 UTC:\n\n {2}echo norn1\.a\.b \| \.\/norn join -$/,
    );
    expect(invitationText({ ...made, hosts: 12, group: 'web' })).toMatch(
      /each new host.*for 12 hosts in the group web, until/,
    );
  });

  it('ends with why others can not use it', () => {
    expect(invitationText({ ...made, caution: 'Ingest is reached from here alone' })).toMatch(/here alone\.$/);
  });
});
