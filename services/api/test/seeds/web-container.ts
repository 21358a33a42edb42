// The container that seeded attacks happen in, and how it started.
import { finding } from '@norn/contracts';
import { type AttackBuilder, type BuiltContainer, type BuiltProcess, idOf } from '../attack-builder.ts';
import type { FindingFacts } from '../store-attack.ts';

const ms = 1000;

export const webContainer: BuiltContainer = { id: idOf('container web-1', 64), name: 'web-1', image: 'shop/web:1.4' };

/** A critical finding of a reflex, unless told otherwise. */
export function reflex(facts: Omit<FindingFacts, 'reflex' | 'severity'> & Partial<FindingFacts>): FindingFacts {
  return { reflex: true, severity: finding.Severity.CRITICAL, ...facts };
}

/** systemd, containerd and the shim on the host, then the container's first process, which is returned. */
export function containerStart(attack: AttackBuilder, startUs: number): BuiltProcess {
  const systemd = attack.process(undefined, {
    pid: 1,
    startUs: startUs - 86_400_000 * ms,
    commands: ['systemd --system'],
  });
  const containerd = attack.process(systemd, {
    pid: 820,
    startUs: systemd.startUs + 9000 * ms,
    commands: ['containerd'],
  });
  const shim = attack.process(containerd, {
    pid: 4002,
    startUs: startUs - 40 * ms,
    commands: [`containerd-shim-runc-v2 -namespace moby -id ${webContainer.id}`],
  });
  return attack.process(shim, {
    pid: 4011,
    startUs: startUs,
    commands: ['/bin/sh -c ./entrypoint.sh'],
    namespacePid: 1,
    container: webContainer,
  });
}
