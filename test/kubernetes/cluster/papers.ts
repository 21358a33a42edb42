// Who the parts are to one another: an authority with its certificates, and one token for all who call the API server.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '@norn/embedded/certificates';
import { network } from './network.ts';

export interface Papers {
  readonly authority: string;
  readonly apiserver: { readonly certificate: string; readonly key: string };
  /** Service accounts' tokens are signed with the key. */
  readonly accounts: { readonly certificate: string; readonly key: string };
  readonly tokens: string;
  /** May do everything. */
  readonly kubeconfig: string;
}

export const apiserverUrl = `https://${network.node}:6443`;

/** Paths of files below `folder`. */
export async function writePapers(folder: string): Promise<Papers> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const authority = await createAuthority('Norn trial cluster');
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', network.node, network.kubernetes];
  // It is a client of the kubelet, too.
  const apiserver = await authority.issue({ name: 'kube-apiserver', names, purposes: ['server', 'client'] });
  const account = await authority.issue({ name: 'service-accounts', names: [], purposes: ['client'] });
  const token = randomBytes(32).toString('hex');
  return {
    authority: write('authority.pem', authority.certificatePem),
    apiserver: {
      certificate: write('apiserver.cert.pem', apiserver.certificatePem),
      key: write('apiserver.key.pem', apiserver.keyPem),
    },
    accounts: {
      certificate: write('accounts.cert.pem', account.certificatePem),
      key: write('accounts.key.pem', account.keyPem),
    },
    tokens: write('tokens.csv', `${token},admin,admin,system:masters\n`),
    kubeconfig: write('kubeconfig', kubeconfigOf(authority.certificatePem, token)),
  };
}

function kubeconfigOf(certificatePem: string, token: string): string {
  const certificate = Buffer.from(certificatePem).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'trial', cluster: { server: apiserverUrl, 'certificate-authority-data': certificate } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'trial', context: { cluster: 'trial', user: 'admin' } }],
    'current-context': 'trial',
  });
}
