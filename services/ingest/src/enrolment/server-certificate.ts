// What ingest shows agents: the certificate that it was given, and one like it that it makes itself before that one expires.
import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '@norn/config';
import type { KeysNow } from '../ports/ingest-keys.ts';

export interface ShownCertificate {
  /** PEM. */
  readonly key: string;
  /** PEM: its own, then what proves it to hosts that trust an earlier authority, then all authorities, for who compares fingerprints. */
  readonly cert: string;
  /** PEM: whose certificates are looked at; those of one that is retired are told to enrol again. */
  readonly clientAuthorities: string;
}

interface Own {
  readonly keyPem: string;
  readonly certificatePem: string;
}

export class ServerCertificate {
  private own: Own | undefined;

  /** Another is made only by the authority that made the one before: who was given one by another authority renews it there. */
  async shown(keys: KeysNow, now = new Date()): Promise<ShownCertificate> {
    const { secrets, authority } = keys;
    const [given = '', ...bridges] = pemBlocks(secrets.serverCertPem);
    if (!isDue(given, now) || !authority.hasIssued(given)) this.own = undefined;
    else if (
      this.own === undefined ||
      isDue(this.own.certificatePem, now) ||
      !authority.hasIssued(this.own.certificatePem)
    )
      this.own = await authority.issueLike(given, now);
    const { keyPem, certificatePem } = this.own ?? { keyPem: secrets.serverKeyPem, certificatePem: given };
    // A bridge before the authority that it stands for: who builds the chain takes the first that fits.
    const chain = [certificatePem, ...bridges, ...authority.trusted, ...authority.retired];
    const cert = chain.map((pem) => `${pem.trimEnd()}\n`).join('');
    return { key: keyPem, cert, clientAuthorities: [...authority.trusted, ...authority.retired].join('') };
  }
}

/** At two thirds of its life. */
function isDue(pem: string, now: Date): boolean {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  return now.getTime() >= validFromDate.getTime() + (lifeMs * 2) / 3;
}
