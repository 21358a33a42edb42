// What an authority issued, as files.
import { type WrittenSecret, writeSecrets } from '@norn/config';
import type { Issued } from './certificates.ts';

/** `<name>.key.pem` and `<name>.cert.pem`. */
export function issuedFiles(name: string, { keyPem, certificatePem }: Issued): WrittenSecret[] {
  return [
    { name: `${name}.key.pem`, content: keyPem },
    { name: `${name}.cert.pem`, content: certificatePem },
  ];
}

/** Both or none: a half is of no use, and an authority of which one is there is never made anew. */
export function writeIssued(folder: string, name: string, issued: Issued): void {
  writeSecrets(folder, issuedFiles(name, issued));
}
