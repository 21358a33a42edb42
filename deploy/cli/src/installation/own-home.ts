// Whose the folder of an installation is. Whoever may write to it, to a folder in it or to one above it could read or replace the keys.
import { existsSync, lstatSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NornError } from '@norn/base';
import { postgresUser } from '@norn/embedded';

const writableByAll = 0o002;
const sticky = 0o1000;

/** Throws `home_of_another`. `names`: folders of an installation; those that are there are looked at. */
export function assertOwnHome(home: string, names: readonly string[]): void {
  assertOwnLink(home);
  assertOwn(home);
  for (const name of names) {
    const folder = join(home, name);
    if (!existsSync(folder)) continue;
    assertOwnLink(folder);
    // PostgreSQL's own user has a folder in a home of root's.
    if (name === 'postgres' && statSync(folder).uid === uidOf(postgresUser)) continue;
    assertOwn(folder);
  }
  const secrets = join(home, 'secrets');
  for (const name of existsSync(secrets) ? readdirSync(secrets) : []) assertOwn(join(secrets, name));
  assertPathOwn(realpathSync(home));
}

/** Who owns a folder above may exchange what is below; where all may write, the sticky bit keeps each to his own. */
function assertPathOwn(home: string): void {
  for (let folder = dirname(home); ; folder = dirname(folder)) {
    const { uid, mode } = statSync(folder);
    const isOpen = (mode & writableByAll) !== 0 && (mode & sticky) === 0;
    if ((uid !== 0 && uid !== process.getuid?.()) || isOpen) throw refusal(folder);
    if (folder === '/') return;
  }
}

function assertOwn(path: string): void {
  const { uid, mode } = statSync(path);
  if (uid !== process.getuid?.() || (mode & writableByAll) !== 0) throw refusal(path);
}

function assertOwnLink(path: string): void {
  if (lstatSync(path).uid !== process.getuid?.() && lstatSync(path).isSymbolicLink()) throw refusal(path);
}

function refusal(path: string): NornError {
  const { uid, mode } = lstatSync(path);
  const what = (mode & writableByAll) !== 0 ? `${path} may be written by all` : `${path} belongs to user ${uid}`;
  return new NornError('home_of_another', `${what}, who could take the keys: set NORN_HOME to a folder of your own`);
}

/** -1: there is no such user. */
function uidOf(name: string): number {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  return Number(line?.split(':')[2] ?? -1);
}
