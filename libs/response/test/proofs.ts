// Keys of a test for what stands behind commands, and whose word counts by them.
import { generateKeyPairSync } from 'node:crypto';
import type { ProofKeys, ProofSigner } from '../src/proof.ts';

export interface TestProofs {
  readonly detection: ProofSigner;
  readonly api: ProofSigner;
  readonly keys: ProofKeys;
}

export function makeTestProofs(): TestProofs {
  const detection = generateKeyPairSync('ed25519');
  const api = generateKeyPairSync('ed25519');
  const pairs = { detection, api };
  return {
    detection: { keyId: 'detection', key: detection.privateKey },
    api: { keyId: 'api', key: api.privateKey },
    keys: { find: (signer, keyId) => (signer === keyId ? pairs[signer].publicKey : undefined) },
  };
}
