import { fromHost } from '../../test/fakes.ts';
import { aBatch } from '../../test/test-host.ts';
import { createCheckEnvelope } from './check-envelope.step.ts';

const checkEnvelope = createCheckEnvelope({ batchBytesMax: 10_000 });

function verdictOf(batch: Uint8Array): string {
  const outcome = checkEnvelope({ ...fromHost, batch });
  return outcome.kind === 'deadLetter' ? outcome.reason : outcome.kind;
}

describe('checkEnvelope', () => {
  it('passes what it read on', () => {
    const outcome = checkEnvelope({ ...fromHost, batch: aBatch({ eventCount: 7 }) });
    expect(outcome).toMatchObject({ kind: 'ok', value: { hostId: 'host-1', envelope: { eventCount: 7 } } });
  });

  it.each([
    ['ok', aBatch({ eventCount: 0, columns: new Uint8Array(), columnsSize: 0 })],
    ['ok', aBatch({ eventCount: 65_535 })],
    ['batch_too_large', aBatch({ eventCount: 65_536 })],
    ['batch_too_large', aBatch({ columns: new Uint8Array(10_000) })],
    ['batch_too_large', aBatch({ columnsSize: 4 * 1024 * 1024 + 1 })],
    ['batch_malformed', aBatch({ columns: new Uint8Array() })],
    ['batch_malformed', aBatch({ columnsSize: 0 })],
    ['batch_malformed', aBatch({ streamId: new Uint8Array(3) })],
    ['batch_foreign', aBatch({ lineage: new Uint8Array(1) })],
    ['schema_unknown', aBatch({ schemaVersion: 0 })],
  ])('says %s', (verdict, batch) => {
    expect(verdictOf(batch)).toBe(verdict);
  });
});
