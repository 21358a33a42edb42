// Hosts of an installation elsewhere, as it printed them into a file: read, and held against the keys that are rotated.
import { readFileSync, statSync } from 'node:fs';
import { messageOf, NornError } from '@norn/base';
import type { HostKeysRow } from '@norn/store';
import { z } from 'zod';
import type { Rotation } from './rotation.ts';

const printed = 'what deploy/prepare/src/host-keys.main.ts printed there';
const namesMax = 20;

const schema: z.ZodType<HostKeysRow> = z.object({
  id: z.string(),
  name: z.string(),
  tenantId: z.string(),
  isConnected: z.boolean(),
  canFollow: z.boolean(),
  commandKeys: z.number(),
  issuer: z.string(),
  authorities: z.array(z.string()),
  certificateExpiresAtMs: z.number(),
});

/** Throws `hosts_invalid`. */
export function readGivenHosts(file: string): HostKeysRow[] {
  try {
    return z.array(schema).parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new NornError('hosts_invalid', `${file} does not say which hosts follow (${why}): give ${printed}`, {
      cause: error,
    });
  }
}

/** Throws `hosts_foreign` for those of other keys than these, `hosts_stale` for what was printed before these were changed last. */
export function checkGivenHosts(file: string, hosts: readonly HostKeysRow[], rotation: Rotation): void {
  const strange = hosts.filter((host) => rotation.isStrange(host)).map(({ name }) => name);
  if (strange.length > 0)
    throw new NornError(
      'hosts_foreign',
      `${file} has hosts that go by a ${rotation.key} key that is not in these files: ` +
        `${strange.slice(0, namesMax).join(', ')}. It is of another installation, or the files are older than those of the stages: ` +
        'bring the two together that belong together, or go on without knowing (--force)',
    );
  const [writtenMs, changedMs] = [statSync(file).mtimeMs, rotation.changedAtMs()];
  if (writtenMs < changedMs)
    throw new NornError(
      'hosts_stale',
      `${file} is of ${timeOf(writtenMs)}, and the ${rotation.key} key was changed at ${timeOf(changedMs)}: ` +
        `which hosts have followed since then is not in it. Give ${printed} since then, or go on without knowing (--force)`,
    );
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
