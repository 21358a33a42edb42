import type { ShownJoinToken } from '@norn/contracts';
import { invitationText } from './invite.ts';

const made: ShownJoinToken = {
  token: 'secret',
  expiresAt: '2026-11-30T10:20:30.000Z',
  hosts: 1,
  group: '',
  invitation: 'norn1.a.b',
  command: 'echo norn1.a.b | ./norn join -',
  caution: '',
};

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
