// The authority that issues to hosts and ingest, as it lies in a folder of secrets: made here, or brought by whoever runs the installation.
import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { pemBlocks } from '@norn/config';
import { type Authority, openAuthority } from '@norn/embedded/certificates';

/** By the first key of authority.key.pem. Throws `authority_invalid`: for one that is not ECDSA P-256, has a passphrase, or has no certificate. */
export async function authorityInUse(folder: string): Promise<Authority> {
  const read = (name: string): string[] => pemBlocks(readFileSync(join(folder, name), 'utf8'));
  const [keyPem = ''] = read('authority.key.pem');
  const key = readKey(keyPem, join(folder, 'authority.key.pem'));
  const certificatePem = read('authority.cert.pem').find((pem) => new X509Certificate(pem).checkPrivateKey(key));
  if (certificatePem !== undefined) return openAuthority({ keyPem, certificatePem });
  throw new NornError(
    'authority_invalid',
    `${join(folder, 'authority.cert.pem')} has no certificate of the first key of authority.key.pem: put the two back that belong together`,
  );
}

function readKey(pem: string, place: string): KeyObject {
  const cure = 'bring one as "openssl ecparam -name prime256v1 -genkey -noout" makes it, and its certificate';
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    const why = `${place} is no private key that can be read without a passphrase (${messageOf(error)})`;
    throw new NornError('authority_invalid', `${why}: ${cure}`, { cause: error });
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return key;
  throw new NornError(
    'authority_invalid',
    `${place} is a key of ${curve ?? key.asymmetricKeyType ?? 'another kind'}, and certificates are signed by ECDSA P-256 alone: ${cure}`,
  );
}
