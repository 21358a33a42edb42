// What decides: etcd, the API server, the controllers, the scheduler and the names of services.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { network } from './network.ts';
import { apiserverUrl, type Papers } from './papers.ts';
import type { PartOfCluster, Site } from './site.ts';

const etcdUrl = 'http://127.0.0.1:2379';

/** In the order in which they are started. */
export function controlPlane(site: Site, papers: Papers): PartOfCluster[] {
  return [
    { name: 'etcd', args: etcdArgs(site), isReady: answers(`${etcdUrl}/readyz`) },
    { name: 'apiserver', args: apiserverArgs(papers), isReady: answers(`${apiserverUrl}/readyz`) },
    {
      name: 'controllers',
      args: [
        `--kubeconfig=${papers.kubeconfig}`,
        `--service-account-private-key-file=${papers.accounts.key}`,
        `--root-ca-file=${papers.authority}`,
        '--leader-elect=false',
        '--bind-address=127.0.0.1',
      ],
      isReady: answers('https://127.0.0.1:10257/healthz'),
    },
    {
      name: 'scheduler',
      args: [`--kubeconfig=${papers.kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1'],
      isReady: answers('https://127.0.0.1:10259/healthz'),
    },
    {
      name: 'dns',
      program: site.kubernetes.dns,
      args: ['-conf', writeCorefile(site, papers)],
      isReady: answers('http://127.0.0.1:8181/ready'),
    },
  ];
}

/** Asked from inside, by a program: Node's own requests leave from the test's network. */
function answers(url: string): readonly string[] {
  return ['curl', '--silent', '--fail', '--insecure', '--max-time', '2', '--output', '/dev/null', url];
}

function etcdArgs(site: Site): string[] {
  return [
    `--data-dir=${join(site.folder, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--log-level=warn',
  ];
}

function apiserverArgs({ authority, apiserver, accounts, tokens }: Papers): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--advertise-address=${network.node}`,
    `--bind-address=${network.node}`,
    '--secure-port=6443',
    `--service-cluster-ip-range=${network.services}`,
    `--tls-cert-file=${apiserver.certificate}`,
    `--tls-private-key-file=${apiserver.key}`,
    `--client-ca-file=${authority}`,
    `--kubelet-client-certificate=${apiserver.certificate}`,
    `--kubelet-client-key=${apiserver.key}`,
    // Nobody resolves the node's name.
    '--kubelet-preferred-address-types=InternalIP',
    `--token-auth-file=${tokens}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${accounts.certificate}`,
    `--service-account-signing-key-file=${accounts.key}`,
    '--authorization-mode=Node,RBAC',
    // Probes ask for it without a token.
    '--anonymous-auth=true',
  ];
}

function writeCorefile(site: Site, { kubeconfig }: Papers): string {
  const file = join(site.folder, 'Corefile');
  const text = `.:53 {
  bind ${network.node}
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local {
    kubeconfig ${kubeconfig}
  }
}
`;
  writeFileSync(file, text);
  return file;
}
