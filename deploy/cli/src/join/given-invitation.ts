// The invitation that `norn join` was given: from a file or from standard input, for what stands on a command line all users can read.
import { NornError, messageOf } from '@norn/base';
import { type Invitation, decodeInvitation, isInvitation } from '@norn/contracts';
import { givenText } from '../installation/given-text.ts';

/** Throws `invitation_exposed`, `invitation_unreadable`, `invitation_garbled`. */
export async function givenInvitation(file: string): Promise<Invitation> {
  if (isInvitation(file)) {
    throw new NornError(
      'invitation_exposed',
      'An invitation on the command line can be read by every user of this machine, so it is not taken from there: ' +
        'echo INVITATION | ./norn join -, or give a file that holds it',
    );
  }
  return decodeInvitation(await read(file));
}

async function read(file: string): Promise<string> {
  try {
    return await givenText(file);
  } catch (error) {
    const cure = 'give a file that holds the invitation, or echo INVITATION | ./norn join -';
    throw new NornError('invitation_unreadable', `${messageOf(error)}: ${cure}`, { cause: error });
  }
}
