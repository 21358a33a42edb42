import { create } from '@bufbuild/protobuf';
import { agent } from '@norn/contracts';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { pino } from 'pino';
import { SignerBook } from './signer-book.ts';

function newKey() {
  const { publicKey } = generateKeyPairSync('ed25519');
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(der).digest('hex').slice(0, 16);
  return { keyId, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

const said = (...keys: [string, string][]): agent.SignerKeys =>
  create(agent.SignerKeysSchema, { keys: keys.map(([signer, publicKey]) => ({ signer, publicKey })) });

describe('the book of signers', () => {
  const book = new SignerBook(pino({ level: 'silent' }));
  const [old, made] = [newKey(), newKey()];

  it('knows nobody before the installation has said whose word counts', () => {
    expect(book.find('detection', old.keyId)).toBeUndefined();
  });

  it('takes each key for its signer alone, several of one while a key takes the place of another', () => {
    book.learn(said(['detection', old.pem], ['detection', made.pem], ['api', made.pem]));
    expect(book.find('detection', old.keyId)).toBeDefined();
    expect(book.find('detection', made.keyId)).toBeDefined();
    expect(book.find('api', old.keyId)).toBeUndefined();
    expect(book.find('api', '')).toBeUndefined();
  });

  it('forgets what is not said again, and leaves out what is no such key', () => {
    const foreign = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
    book.learn(said(['detection', 'no key'], ['api', foreign], ['detection', made.pem]));
    expect(book.find('detection', old.keyId)).toBeUndefined();
    expect(book.find('detection', made.keyId)).toBeDefined();
  });
});
