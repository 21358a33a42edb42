// Whether an agent that is told to end is to be back soon, without anybody starting it.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

/** systemctl(1) answers at once; one that does not must hold up nobody's end, ms. */
const askedAtMost = 1_000;

/** The machine goes down, as systemd says; where there is none nobody says it. In a cluster whoever ends it puts another in its place. */
export function isGoingDown(
  { kubernetesApi }: { readonly kubernetesApi: string },
  booted = '/run/systemd/system',
  systemctl = 'systemctl',
): Promise<boolean> {
  if (kubernetesApi !== '') return Promise.resolve(true);
  if (!existsSync(booted)) return Promise.resolve(false);
  return new Promise((resolve) => {
    // It fails in every state but "running", and says which all the same.
    execFile(systemctl, ['is-system-running'], { timeout: askedAtMost }, (_, stdout) => {
      resolve(stdout.trim() === 'stopping');
    });
  });
}
