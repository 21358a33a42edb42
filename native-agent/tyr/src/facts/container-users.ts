// Users as containers name them: each one's own /etc/passwd, read again when it has changed.
import type { event } from '@norn/contracts';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { limits } from '../limits.ts';
import { parsePasswd } from './passwd.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

interface Known {
  readonly changedAtMs: number;
  readonly users: Record<number, string>;
}

export class ContainerUsers {
  private known = new Map<string, Known>();
  /** Users that are not told of, as of the last time. */
  refused = 0;

  addTo(containers: readonly event.ContainerFact[]): event.ContainerFact[] {
    const known = new Map<string, Known>();
    this.refused = 0;
    let room: number = limits.containersUsersMax;
    const named = containers.map((container) => {
      const found = container.endedAtUs === 0n ? this.read(container) : this.known.get(container.containerId);
      if (found === undefined) return container;
      known.set(container.containerId, found);
      const all = Object.entries(found.users);
      const told = all.slice(0, Math.min(room, limits.containerUsersMax));
      room -= told.length;
      this.refused += all.length - told.length;
      return { ...container, users: Object.fromEntries(told) };
    });
    this.known = known;
    return named;
  }

  private read({ containerId, rootPath }: event.ContainerFact): Known | undefined {
    const before = this.known.get(containerId);
    if (rootPath === '') return before;
    try {
      return readPasswd(rootPath, before);
    } catch {
      return before; // An image without users, or a root that is not mounted here: there is nothing to tell.
    }
  }
}

/** The root is the container's to fill: no link of its leads out of it, and at no pipe of its anyone waits. */
function readPasswd(rootPath: string, before: Known | undefined): Known | undefined {
  const directory = openSync(`${rootPath}/etc`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const file = openSync(`/proc/self/fd/${directory}/passwd`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const state = fstatSync(file);
      if (!state.isFile()) return undefined;
      if (state.mtimeMs === before?.changedAtMs) return before;
      const bytes = Buffer.alloc(Math.min(state.size, limits.passwdBytesMax));
      const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0));
      return { changedAtMs: state.mtimeMs, users: parsePasswd(text) };
    } finally {
      closeSync(file);
    }
  } finally {
    closeSync(directory);
  }
}
