// What names this machine to people who look for clones and former lives of a host; it proves nothing.
import { existsSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomically } from '../write-file.ts';

/** /etc/machine-id; where there is none, an id of its own kept in `agentDir`. */
export function machineId(agentDir: string, systemFile = '/etc/machine-id'): string {
  const own = join(agentDir, 'machine-id');
  for (const path of [systemFile, own]) {
    const id = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
    if (/^[0-9a-f]{32}$/.test(id)) return id;
  }
  const made = randomBytes(16).toString('hex');
  writeFileAtomically(own, `${made}\n`);
  return made;
}
