// A wiper that cost two files, for tests.
import { finding } from '@norn/contracts';
import { AttackBuilder, idOf } from '../attack-builder.ts';
import { type Databases, type Home, storeAlert, storeTelemetry } from '../store-attack.ts';
import { containerStart, reflex } from './web-container.ts';

const ms = 1000;

/** A wiper in the container that cost two files. */
export async function seedWiper(databases: Databases, home: Home, nowUs = Date.now() * ms): Promise<string> {
  const attack = new AttackBuilder(`wiper ${home.tenantId}`);
  const t0 = nowUs - 5 * 3_600_000 * ms;
  const origin = containerStart(attack, nowUs - 9 * 3_600_000 * ms);
  const wiper = attack.process(origin, {
    pid: 5200,
    startUs: t0,
    commands: ['sh', '/tmp/.w -r /var/lib/app'],
    namespacePid: 88,
    endUs: t0 + 210 * ms,
    exitStatus: 9,
  });
  for (let index = 0; index < 180; index += 1) {
    const path = `/var/lib/app/blobs/${idOf(`blob ${index}`, 2)}/${idOf(`blob ${index}`, 24)}.bin`;
    attack.file(wiper, { us: t0 + index * ms, path, verdict: 'restored', change: 'unlinked' });
  }
  attack.file(wiper, {
    us: t0 + 190 * ms,
    path: '/var/lib/app/index.wal',
    verdict: 'lost',
    change: 'in-place',
    reason: 'It was written and truncated within 2 ms of its birth, before its state could be kept',
  });
  attack.file(wiper, {
    us: t0 + 191 * ms,
    path: '/var/lib/app/cache/huge.img',
    verdict: 'lost',
    change: 'unlinked',
    size: 6_442_450_944,
    reason: 'Larger than the vault keeps (4 GiB)',
  });
  attack.file(wiper, {
    us: t0 + 192 * ms,
    path: '/var/lib/app/config.yaml',
    verdict: 'conflict',
    reason: 'Changed at 14:09 by vi (5301), which the alert does not blame',
  });
  attack.file(wiper, { us: t0 + 193 * ms, path: '/var/lib/app/LOCK', verdict: 'unchanged' });
  await storeTelemetry(databases, home, attack, origin);
  return storeAlert(databases, home, attack, {
    title: 'Wiper',
    summary: '.w deleted 183 files in 210 ms',
    severity: finding.Severity.CRITICAL,
    state: 'stopped',
    scope: wiper,
    origin,
    firstActUs: t0,
    stoppedUs: t0 + 210 * ms,
    killed: [wiper],
    atUs: t0 + 214 * ms,
    findings: [
      reflex({
        process: wiper,
        rule: 'reflex.wiper',
        title: 'Wiper',
        summary: '183 files were deleted that it had not made',
        techniques: ['T1485'],
        us: t0 + 205 * ms,
        evidence: { 'file.changed': '183', 'file.foreign': '183' },
      }),
    ],
  });
}
