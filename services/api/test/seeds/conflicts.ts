// A wiper that was stopped, whose files somebody else has changed since: nothing could be put back. For tests.
import { finding } from '@norn/contracts';
import { AttackBuilder } from '../attack-builder.ts';
import { type Databases, type Home, storeAlert, storeTelemetry } from '../store-attack.ts';
import { storeCommand } from './ransomware.ts';
import { containerStart, reflex } from './web-container.ts';

const ms = 1000;
const files = 21;

/** All 21 files in conflict, and one lost when `lost` is given. */
export async function seedConflicts(
  databases: Databases,
  home: Home,
  { nowUs = Date.now() * ms, lost = 1 }: { nowUs?: number; lost?: number } = {},
): Promise<string> {
  const attack = new AttackBuilder(`conflicts ${home.tenantId} ${lost}`);
  const t0 = nowUs - 600_000 * ms;
  const origin = containerStart(attack, nowUs - 3_600_000 * ms);
  const wiper = attack.process(origin, {
    pid: 6200,
    startUs: t0,
    commands: ['sh', '/tmp/.c -r /srv/build'],
    namespacePid: 90,
    endUs: t0 + 80 * ms,
    exitStatus: 9,
  });
  const paths = Array.from({ length: files + lost }, (_, at) => `/srv/build/object-${String(at).padStart(2, '0')}.o`);
  paths.forEach((path, at) => {
    const isLost = at >= files;
    attack.file(wiper, {
      us: t0 + at * ms,
      path,
      verdict: isLost ? 'lost' : 'conflict',
      change: 'unlinked',
      reason: isLost
        ? 'Larger than the vault keeps (4 GiB)'
        : 'Changed at 14:09 by gcc (6301), which the alert does not blame',
    });
  });
  await storeTelemetry(databases, home, attack, origin);
  const id = await storeAlert(databases, home, attack, {
    title: 'Wiper',
    summary: `.c deleted ${files + lost} files in 80 ms`,
    severity: finding.Severity.CRITICAL,
    state: 'stopped',
    scope: wiper,
    origin,
    firstActUs: t0,
    stoppedUs: t0 + 80 * ms,
    killed: [wiper],
    atUs: t0 + 84 * ms,
    findings: [
      reflex({
        process: wiper,
        rule: 'reflex.wiper',
        title: 'Wiper',
        summary: `${files + lost} files were deleted that it had not made`,
        techniques: ['T1485'],
        us: t0 + 78 * ms,
        evidence: { 'file.changed': String(files + lost) },
      }),
    ],
  });
  const counts = { filesChanged: 0, filesRemoved: 0, filesConflict: files, filesLost: lost };
  const message = `0 of ${files + lost} files restored, ${files} in conflict, in 9 ms`;
  await storeCommand(databases, home, { alertId: id, attack: attack.name, atUs: t0 + 90 * ms, message, ...counts });
  return id;
}
