// A run of any length: each record proves itself, and nothing else does.
import { generateKeyPairSync } from 'node:crypto';
import { claimedBy, isRunSigned, parseSignature, runRecordsMax, signRun, type SignedContent } from './signed-run.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const signing = { keyId: 'a', key: privateKey };

const runOf = (length: number): SignedContent[] =>
  Array.from({ length }, (_, at) => ({ key: 'default:host-1', value: Buffer.from(`record ${at}`) }));

function isProven(record: SignedContent, header: string, topic: 'alerts' | 'findings' = 'alerts'): boolean {
  const parsed = parseSignature(header);
  return parsed !== undefined && isRunSigned(claimedBy(topic, record, parsed), parsed, publicKey);
}

describe('the signature of a run', () => {
  it.each(Array.from({ length: runRecordsMax }, (_, at) => at + 1))(
    'of %i records proves each of them alone',
    (length) => {
      const run = runOf(length);
      const headers = signRun('alerts', run, signing);
      for (const [at, record] of run.entries()) {
        const proven = headers.map((header) => isProven(record, header));
        expect(proven).toEqual(headers.map((_, place) => place === at));
      }
    },
  );

  it('is of its topic, key and value', () => {
    const [record] = runOf(1) as [SignedContent];
    const [header] = signRun('alerts', [record], signing) as [string];
    expect(isProven(record, header, 'findings')).toBe(false);
    expect(isProven({ ...record, key: 'other:host-1' }, header)).toBe(false);
    expect(isProven({ ...record, value: Buffer.from('x') }, header)).toBe(false);
  });

  it('has one length: a run said to be shorter or longer is none', () => {
    const run = runOf(4);
    const [header = ''] = signRun('alerts', run, signing);
    const [record] = run as [SignedContent];
    for (const place of ['0-3', '0-2', '0-5', '0-8', '1-4', '2-4', '0-33', '4-4']) {
      expect(isProven(record, header.replace('0-4', place))).toBe(false);
    }
  });

  it.each(['', 'a', 'a.b.0-1.', 'a.b.c.d', 'a.b.0-1.c.d'])('is not in %j', (header) => {
    expect(parseSignature(header)).toBeUndefined();
  });
});
