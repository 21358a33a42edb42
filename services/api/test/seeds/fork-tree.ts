// An attack of very many processes, for tests.
import { finding } from '@norn/contracts';
import { AttackBuilder } from '../attack-builder.ts';
import { type Databases, type Home, storeAlert, storeTelemetry } from '../store-attack.ts';
import { containerStart, reflex } from './web-container.ts';

const ms = 1000;

/** An attack of `size` processes, as from a fork tree. */
export async function seedForkTree(
  databases: Databases,
  home: Home,
  size: number,
  nowUs = Date.now() * ms,
): Promise<string> {
  const attack = new AttackBuilder(`fork-tree ${home.tenantId}`);
  const t0 = nowUs - 2 * 3_600_000 * ms;
  const origin = containerStart(attack, nowUs - 9 * 3_600_000 * ms);
  const all = [
    attack.process(origin, { pid: 10_000, startUs: t0, commands: ['sh', '/tmp/miner.sh'], namespacePid: 200 }),
  ];
  for (let index = 1; index < size; index += 1) {
    const parent = all[Math.floor((index - 1) / 4)];
    all.push(
      attack.process(parent, {
        pid: 10_000 + index,
        startUs: t0 + index * ms,
        commands: [index % 3 === 0 ? `xmrig --threads ${index % 8}` : `sh -c work ${index}`],
        namespacePid: 200 + index,
        endUs: t0 + (index + 50) * ms,
      }),
    );
  }
  const root = all[0] ?? origin;
  await storeTelemetry(databases, home, attack, origin);
  return storeAlert(databases, home, attack, {
    title: 'Crypto miner',
    summary: `xmrig spends ${size} processes on hashing`,
    severity: finding.Severity.MEDIUM,
    state: 'open',
    scope: root,
    origin,
    firstActUs: t0,
    atUs: t0 + size * ms,
    findings: [
      reflex({
        process: all[3] ?? root,
        rule: 'reflex.miner',
        title: 'Crypto miner',
        summary: 'sampled instructions are those of RandomX',
        severity: finding.Severity.MEDIUM,
        techniques: ['T1496'],
        us: t0 + 900 * ms,
        evidence: { 'instructions.aes': '61 %', samples: '240' },
      }),
    ],
  });
}
