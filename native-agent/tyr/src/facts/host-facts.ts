// What tyr knows of its host, as one message: the whole state, the newest wins.
import { create } from '@bufbuild/protobuf';
import { event, type policy } from '@norn/contracts';
import { readFileSync, statSync } from 'node:fs';
import type { Run } from '../farewell.ts';
import { ContainerUsers } from './container-users.ts';
import { release } from 'node:os';
import { agentVersion } from '../limits.ts';
import { parsePasswd } from './passwd.ts';

export interface FactsSources {
  readonly containers: () => event.ContainerFact[];
  readonly capabilities: () => event.Capability[];
  readonly health: () => event.AgentHealth;
  readonly policy: () => policy.HostPolicyStatus | undefined;
  /** Undefined before enrolment. */
  readonly keys: () => event.HostKeys | undefined;
  readonly inside: () => { readonly containerId: string; readonly ended: boolean };
  readonly run: () => Run;
  /** A node's, in a cluster. */
  readonly hostName: string;
  readonly nowMs: () => number;
}

export class HostFactsSource {
  private users: Record<number, string> = {};
  private usersChangedAtMs = -1;
  private readonly os = readOs();
  private readonly containerUsers = new ContainerUsers();

  constructor(
    private readonly sources: FactsSources,
    private readonly passwdFile = '/etc/passwd',
  ) {}

  read(): event.HostFacts {
    this.readUsers();
    const policy = this.sources.policy();
    const keys = this.sources.keys();
    return create(event.HostFactsSchema, {
      ...(policy && { policy }),
      ...(keys && { keys }),
      ...this.sources.inside(),
      ...this.sources.run(),
      containers: this.containerUsers.addTo(this.sources.containers()),
      users: this.users,
      hostname: this.sources.hostName,
      os: this.os,
      kernel: release(),
      agentVersion,
      capabilities: this.sources.capabilities(),
      health: Object.assign(this.sources.health(), { userNamesRefused: BigInt(this.containerUsers.refused) }),
      observedAtUs: BigInt(this.sources.nowMs()) * 1000n,
    });
  }

  /** Again only when the file has changed. */
  private readUsers(): void {
    const changedAtMs = statSync(this.passwdFile, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changedAtMs === this.usersChangedAtMs) return;
    this.usersChangedAtMs = changedAtMs;
    this.users = changedAtMs === 0 ? {} : parsePasswd(readFileSync(this.passwdFile, 'utf8'));
  }
}

function readOs(file = '/etc/os-release'): string {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return 'Linux';
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 'Linux';
}
