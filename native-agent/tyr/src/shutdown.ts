// Whether an agent that is told to end is to be back soon, without anybody starting it.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

/** systemctl(1) answers at once; one that does not must hold up nobody's end, ms. */
const askedAtMost = 1_000;

/** The machine goes down, as systemd says. Where there is none nobody says it. */
export function isGoingDown(booted = '/run/systemd/system', systemctl = 'systemctl'): Promise<boolean> {
  if (!existsSync(booted)) return Promise.resolve(false);
  return new Promise((resolve) => {
    // It fails in every state but "running", and says which all the same.
    execFile(systemctl, ['is-system-running'], { timeout: askedAtMost }, (_, stdout) => {
      resolve(stdout.trim() === 'stopping');
    });
  });
}
