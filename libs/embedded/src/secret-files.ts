// What an authority issued, as files.
import { writeSecrets } from '@norn/config';
import type { Issued } from './certificates.ts';

/** `<name>.key.pem` and `<name>.cert.pem`, both or none: a half is of no use, and an authority of which one is there is never made anew. */
export function writeIssued(folder: string, name: string, { keyPem, certificatePem }: Issued): void {
  writeSecrets(folder, [
    { name: `${name}.key.pem`, content: keyPem },
    { name: `${name}.cert.pem`, content: certificatePem },
  ]);
}
