// What runs pods: containerd with a network for each, the kubelet, and the addresses of services.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { network } from './network.ts';
import type { Papers } from './papers.ts';
import { nodeName, socketOf, type PartOfCluster, type Site } from './site.ts';

/** Holds a pod's namespaces; made by images.ts. */
export const pauseImage = 'norn-test/pause:latest';
const cniPrograms = '/usr/lib/cni';

/** In the order in which they are started. */
export function nodeParts(site: Site, papers: Papers): PartOfCluster[] {
  const ok = (...url: string[]): string[] => ['curl', '--silent', '--fail', '--output', '/dev/null', ...url];
  return [
    {
      name: 'containerd',
      program: '/usr/bin/containerd',
      args: ['--config', writeRuntimeConfig(site)],
      isReady: ctr(site, 'plugins', 'ls', '--quiet'),
    },
    {
      name: 'kubelet',
      args: [
        `--config=${writeKubeletConfig(site, papers)}`,
        `--kubeconfig=${papers.kubeconfig}`,
        `--hostname-override=${nodeName}`,
        `--node-ip=${network.node}`,
        `--root-dir=${join(site.folder, 'kubelet')}`,
        `--cert-dir=${join(site.folder, 'kubelet-certificates')}`,
      ],
      isReady: ok('http://127.0.0.1:10248/healthz'),
    },
    {
      name: 'proxy',
      args: [
        `--kubeconfig=${papers.kubeconfig}`,
        `--hostname-override=${nodeName}`,
        '--proxy-mode=iptables',
        `--cluster-cidr=${network.pods}`,
        // The machine's own limits stay as they are.
        '--conntrack-max-per-core=0',
        '--conntrack-tcp-timeout-established=0',
        '--conntrack-tcp-timeout-close-wait=0',
      ],
      isReady: ok('http://127.0.0.1:10256/healthz'),
    },
  ];
}

export function ctr(site: Site, ...args: string[]): string[] {
  return ['ctr', '--address', socketOf(site), '--namespace', 'k8s.io', ...args];
}

function writeRuntimeConfig(site: Site): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const text = `version = 2
root = "${join(site.folder, 'containerd')}"
state = "${site.state}"
[grpc]
  address = "${socketOf(site)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${join(site.folder, 'opt')}"
[${cri}]
  sandbox_image = "docker.io/${pauseImage}"
  # Where CAP_SYS_RESOURCE is missing, nobody may lower it.
  restrict_oom_score_adj = true
[${cri}.cni]
  bin_dir = "${cniPrograms}"
  conf_dir = "${writeNetworkConfig(site)}"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
  return written(site, 'containerd.toml', text);
}

/** Each pod at the end of a link of its own: what goes to a service is routed, so that its rules see it. */
function writeNetworkConfig(site: Site): string {
  const folder = join(site.folder, 'cni');
  const ipam = { type: 'host-local', subnet: network.pods, dataDir: join(site.folder, 'addresses') };
  const routes = [{ dst: '0.0.0.0/0' }];
  const plugins = [{ type: 'ptp', ipam: { ...ipam, routes } }];
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'trial.conflist'),
    JSON.stringify({ cniVersion: '0.4.0', name: 'trial', cacheDir: join(site.folder, 'cni-results'), plugins }),
  );
  return folder;
}

function writeKubeletConfig(site: Site, { authority }: Papers): string {
  return written(
    site,
    'kubelet.json',
    JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: network.node,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false }, x509: { clientCAFile: authority } },
      authorization: { mode: 'AlwaysAllow' },
      containerRuntimeEndpoint: `unix://${socketOf(site)}`,
      cgroupDriver: 'cgroupfs',
      failCgroupV1: false,
      oomScoreAdj: 0,
      failSwapOn: false,
      clusterDNS: [network.node],
      clusterDomain: 'cluster.local',
      resolvConf: written(site, 'resolv.conf', `nameserver ${network.node}\n`),
      // Nothing can be pulled again.
      imageGCHighThresholdPercent: 100,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
      volumePluginDir: join(site.folder, 'volume-plugins'),
      podLogsDir: join(site.folder, 'logs-of-pods'),
      // Its rules would be everybody's.
      makeIPTablesUtilChains: false,
    }),
  );
}

function written(site: Site, name: string, text: string): string {
  const file = join(site.folder, name);
  writeFileSync(file, text);
  return file;
}
