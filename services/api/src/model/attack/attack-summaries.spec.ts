import { create } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { AlertHandling } from '@norn/store';
import type { DataSource } from 'typeorm';
import type { Attack } from './attack.ts';
import { AttackSummaries, type ShownSummary } from './attack-summaries.ts';
import type { ProcessRow } from './attack.queries.ts';
import { type AttackTelemetry, emptySummary } from './attack-telemetry.ts';

const attacker = new Uint8Array(16).fill(0xab);

/** A fake of the table that summaries are kept in, with one row at most. */
class FakeTable {
  private row: Record<string, unknown> | null = null;
  readonly manager = { findOne: () => Promise.resolve(this.row) };

  query(_insert: string, [, , alertVersion, madeAt, settled, body]: unknown[]): Promise<unknown[]> {
    this.row = { alertVersion, madeAt, settled, body };
    return Promise.resolve([]);
  }
}

/** A fake of stored events, in which the attacker's row is when it has come. */
class FakeTelemetry {
  asked = 0;
  hasCome = false;

  summary(): Promise<typeof emptySummary> {
    this.asked += 1;
    const row = { uid: 'ab'.repeat(16), ancestors: [] as string[] } as ProcessRow;
    return Promise.resolve({ ...emptySummary, rows: this.hasCome ? [row] : [] });
  }
}

function attackThatSpoke(secondsAgo: number): Attack {
  const alert = create(finding.AlertSchema, { findings: [{ processUid: attacker }] });
  const lastWordUs = (Date.now() - secondsAgo * 1000) * 1000;
  return {
    alert,
    handling: Object.assign(new AlertHandling(), { id: 'a', version: 1 }),
    lastWordUs,
    scopes: [],
  } as unknown as Attack;
}

function startAll(): { telemetry: FakeTelemetry; summaries: AttackSummaries } {
  const telemetry = new FakeTelemetry();
  return {
    telemetry,
    summaries: new AttackSummaries(new FakeTable() as unknown as DataSource, telemetry as unknown as AttackTelemetry),
  };
}

/** Nobody waits long for what is being made: what a page that asks again ends with. */
async function settled(summaries: AttackSummaries, attack: Attack): Promise<ShownSummary> {
  let shown = await summaries.of('t', attack);
  while (shown.pending) shown = await summaries.of('t', attack);
  return shown;
}

describe('what is kept with an alert', () => {
  it('is looked for again while the row of a process that a finding names has not come', async () => {
    const { telemetry, summaries } = startAll();
    const attack = attackThatSpoke(1);
    expect(await summaries.of('t', attack)).toMatchObject({ pending: true, summary: { rows: [] } });
    telemetry.hasCome = true;
    const shown = await settled(summaries, attack);
    expect(shown.summary.rows).toHaveLength(1);
    expect(telemetry.asked).toBe(2);
    await summaries.of('t', attack);
    expect(telemetry.asked).toBe(2);
  });

  it('is what there is when such a row does not come', async () => {
    const { telemetry, summaries } = startAll();
    const attack = attackThatSpoke(120);
    expect(await settled(summaries, attack)).toMatchObject({ pending: false, problem: '' });
    await summaries.of('t', attack);
    expect(telemetry.asked).toBe(1);
  });
});
