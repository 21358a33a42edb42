// A list of users, as passwd(5) has it.
import { limits } from '../limits.ts';

const shown = new RegExp(`^[^\\p{C}\\s]{1,${limits.userNameCharsMax}}$`, 'u');

/** "root:x:0:0:…" → {0: "root"}; the first name of a uid counts. */
export function parsePasswd(text: string): Record<number, string> {
  const users: Record<number, string> = {};
  for (const line of text.split('\n').slice(0, limits.usersMax)) {
    const [name = '', , uid = ''] = line.split(':');
    if (shown.test(name) && /^\d{1,10}$/.test(uid) && Number(uid) <= 0xffff_ffff) users[Number(uid)] ??= name;
  }
  return users;
}
