// Commands that are said to be typed: a word of them is one word to the shell, too.

/** What no shell reads as anything but itself. */
const plain = /^[\w@%+=:,./-]+$/;

/** "/srv/out" as it is; "/srv/my out" as `'/srv/my out'`. */
export function shellWord(text: string): string {
  return plain.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
