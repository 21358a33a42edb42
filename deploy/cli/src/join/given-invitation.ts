// The invitation that `norn join` was given: from a file or from standard input, for what stands on a command line all users can read.
import { readFileSync } from 'node:fs';
import { NornError, messageOf } from '@norn/base';
import { type Invitation, decodeInvitation, isInvitation } from '@norn/contracts';

const standardInput = '-';

/** Throws `invitation_exposed`, `invitation_unreadable`, `invitation_garbled`. */
export function givenInvitation(file: string): Invitation {
  if (isInvitation(file)) {
    throw new NornError(
      'invitation_exposed',
      'An invitation on the command line can be read by every user of this machine, so it is not taken from there: ' +
        'echo INVITATION | ./norn join -, or give a file that holds it',
    );
  }
  return decodeInvitation(read(file));
}

function read(file: string): string {
  try {
    return readFileSync(file === standardInput ? 0 : file, 'utf8');
  } catch (error) {
    const cure = 'give a file that holds the invitation, or echo INVITATION | ./norn join -';
    throw new NornError('invitation_unreadable', `${messageOf(error)}: ${cure}`, { cause: error });
  }
}
