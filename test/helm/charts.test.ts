// The charts as they are rendered. What needs helm is skipped where there is none (test/skips.json says how to have it).
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stageNames } from '@norn/bus/flow';
import { signerKeyFile, signers } from '@norn/config';
import { toolchainFolder } from '@norn/embedded';
import { parseAllDocuments, parse } from 'yaml';
import { valuesTable } from './values-table.ts';

const charts = fileURLToPath(new URL('../../deploy/helm', import.meta.url));
/** Where `./norn test kubernetes` has built one. */
const built = readdirSync(toolchainFolder()).filter((name) => /^kubernetes-[0-9a-f]+$/.test(name));
const folders = [
  ...(process.env.PATH ?? '').split(delimiter),
  ...[...built, 'bin'].map((name) => join(toolchainFolder(), name)),
];
const helm = folders.map((folder) => join(folder, 'helm')).find((file) => existsSync(file)) ?? '';
const kubeVersion = '1.34.0';

interface Container {
  name: string;
  args?: string[];
  env?: { name: string; value: string }[];
  resources: { limits: { memory: string } };
  securityContext: { readOnlyRootFilesystem: boolean; capabilities: { drop: string[]; add?: string[] } };
  volumeMounts?: { name: string; mountPath: string }[];
}

interface PodSpec {
  automountServiceAccountToken: boolean;
  hostPID?: boolean;
  securityContext?: { runAsNonRoot: boolean };
  initContainers?: Container[];
  containers: Container[];
  volumes: { name: string; secret?: { items?: { key: string }[] }; hostPath?: { path: string } }[];
}

interface Thing {
  kind: string;
  metadata: { name: string; labels: Record<string, string> };
  spec: {
    template?: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    selector?: { matchLabels?: Record<string, string> } & Record<string, unknown>;
    podSelector?: { matchLabels: Record<string, string> };
    maxReplicas?: number;
    metrics?: { external: { metric: { selector: { matchLabels: Record<string, string> } } } }[];
  };
}

function render(chart: string, ...args: string[]): Thing[] {
  const how = ['template', 'norn', join(charts, chart), '--kube-version', kubeVersion, '--namespace', 'norn', ...args];
  const text = execFileSync(helm, how, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 26 });
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    if (document.errors[0]) throw document.errors[0];
    const thing = document.toJS() as (Omit<Thing, 'spec'> & Partial<Thing>) | null;
    // A service account has no spec.
    return thing ? [{ ...thing, spec: thing.spec ?? {} }] : [];
  });
}

const trial = ['--set', 'bundled.enabled=true'];
const podsOf = (things: Thing[]) =>
  things.flatMap(({ metadata, spec }) => (spec.template ? [{ name: metadata.name, ...spec.template }] : []));
const allContainers = (spec: PodSpec): Container[] => [...(spec.initContainers ?? []), ...spec.containers];

describe.each(['norn', 'norn-agent'])('the README of chart %s', (chart) => {
  const readme = readFileSync(join(charts, chart, 'README.md'), 'utf8');

  it('has a row for every value, with its default', () => {
    const rows = valuesTable(join(charts, chart, 'values.yaml'));
    expect(rows.length).toBeGreaterThan(20);
    expect(readme.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });

  it('is for values that the schema names, all of them', () => {
    const schema = JSON.parse(readFileSync(join(charts, chart, 'values.schema.json'), 'utf8')) as object;
    const values = parse(readFileSync(join(charts, chart, 'values.yaml'), 'utf8')) as object;
    expect(Object.keys((schema as { properties: object }).properties).sort()).toEqual(
      [...Object.keys(values), 'global'].sort(),
    );
  });
});

const whereHelmIs = helm === '' ? describe.skip : describe;

whereHelmIs('helm: chart norn', () => {
  const things = helm === '' ? [] : render('norn', ...trial, '--set', 'autoscaling.enabled=true');

  it('has a deployment for each stage, a store for each, and one job that prepares', () => {
    const names = (kind: string) => things.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name);
    expect(names('Deployment').sort()).toEqual([...stageNames, 'api'].map((name) => `norn-${name}`).sort());
    expect(names('StatefulSet').sort()).toEqual(['norn-clickhouse', 'norn-kafka', 'norn-postgres']);
    expect(names('Job')).toEqual(['norn-prepare-1']);
  });

  it('gives no pod root, a token, a capability or a root file system to write to', () => {
    for (const { name, spec } of podsOf(things)) {
      expect([name, spec.automountServiceAccountToken, spec.securityContext?.runAsNonRoot]).toEqual([
        name,
        false,
        true,
      ]);
      for (const { securityContext, resources } of allContainers(spec)) {
        expect(securityContext.readOnlyRootFilesystem).toBe(true);
        expect(securityContext.capabilities).toEqual({ drop: ['ALL'] });
        expect(resources.limits.memory).toMatch(/^\d+[MG]i$/);
      }
    }
  });

  it('selects what it labels', () => {
    const pods = podsOf(things).map(({ metadata }) => metadata.labels);
    const selectors = things.flatMap(({ kind, spec }) => {
      const labels = kind === 'Service' ? spec.selector : (spec.selector?.matchLabels ?? spec.podSelector?.matchLabels);
      return labels ? [Object.entries(labels as Record<string, string>)] : [];
    });
    expect(selectors.length).toBeGreaterThan(20);
    for (const selector of selectors) {
      expect(pods.some((labels) => selector.every(([key, value]) => labels[key] === value))).toBe(true);
    }
  });

  it('gives each component the secrets that its settings name, and the key of commands to those who sign alone', () => {
    const given = new Map(
      podsOf(things).map(({ name, spec }) => [
        name,
        spec.volumes.flatMap(({ secret }) => secret?.items?.map(({ key }) => key) ?? []),
      ]),
    );
    const holders = (key: string) => [...given].filter(([, keys]) => keys.includes(key)).map(([name]) => name);
    expect(holders('command.key.pem')).toEqual(['norn-remediation']);
    // Of a tool for whoever runs the installation, no pod has the key.
    const inPods = signers.filter((signer) => signer !== 'deadletters');
    for (const signer of inPods) expect(holders(signerKeyFile(signer))).toEqual([`norn-${signer}`]);
    expect(holders(signerKeyFile('deadletters'))).toEqual([]);
    expect(holders('signers.json').sort()).toEqual(stageNames.map((name) => `norn-${name}`).sort());
    expect(holders('authority.key.pem')).toEqual(['norn-ingest']);
    expect(holders('clickhouse-reader.password').sort()).toEqual(['norn-api', 'norn-clickhouse']);
    expect(holders('api.key.pem')).toEqual(['norn-api']);
    expect(holders('stage.key.pem')).not.toContain('norn-api');
    expect([...given.keys()].filter((name) => !holders('stores.cert.pem').includes(name))).toEqual([]);
    expect([...given.values()].flat()).not.toContain('stores.key.pem');
  });

  it('shows ClickHouse the certificate that each is given, and none where none is wanted', () => {
    const shown = (rendered: Thing[]): [string, string | undefined][] =>
      podsOf(rendered).flatMap(({ name, spec }) => {
        const file = allContainers(spec)[0]?.env?.find(({ name: of }) => of === 'NORN_CLICKHOUSE_CERTIFICATE_FILE');
        return file === undefined ? [] : [[name, file.value.split('/').at(-1)]];
      });
    const given = (name: string): string[] =>
      podsOf(things)
        .filter((pod) => pod.name === name)
        .flatMap(({ spec }) => spec.volumes.flatMap(({ secret }) => secret?.items?.map(({ key }) => key) ?? []));
    const who = new Map(shown(things));
    expect([who.get('norn-api'), who.get('norn-storage')]).toEqual(['api.cert.pem', 'stage.cert.pem']);
    for (const [name, file = ''] of who) expect([name, given(name).includes(file)]).toEqual([name, true]);
    expect(shown(render('norn', ...trial, '--set', 'clickhouse.clientCertificate=false'))).toEqual([]);
    expect(shown(render('norn', ...trial, '--set', 'clickhouse.url=http://clickhouse:8123'))).toEqual([]);
  });

  it('scales by the lag of the group that the stage reads in, up to its partitions', () => {
    const scaled = things.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    const groups = scaled.map(({ spec }) => spec.metrics?.[0]?.external.metric.selector.matchLabels['consumergroup']);
    expect(groups.sort()).toEqual(['norn.detection', 'norn.enrichment', 'norn.process-tree', 'norn.storage']);
    expect(scaled.map(({ spec }) => spec.maxReplicas)).toEqual([12, 12, 12, 12]);
    const few = render('norn', ...trial, '--set', 'autoscaling.enabled=true,kafka.partitions=4');
    expect(few.flatMap(({ spec }) => spec.maxReplicas ?? [])).toEqual([4, 4, 4, 4]);
  });

  it('says what is missing when no store is named', () => {
    expect(() => render('norn')).toThrow(/kafka.brokers is empty/);
    expect(() => render('norn', '--set', 'kafka.brokers=k:9093')).toThrow(/clickhouse.url is empty/);
  });

  it('refuses values that it does not know', () => {
    expect(() => render('norn', ...trial, '--set', 'stages.ingest.replica=3')).toThrow(/replica/);
    expect(() => render('norn', ...trial, '--set', 'clickhouse.url=clickhouse:9000')).toThrow(/url/);
  });

  it('leaves the user to OpenShift where that is asked for', () => {
    const values = join(charts, 'norn/values-openshift.yaml');
    for (const { spec } of podsOf(render('norn', ...trial, '--values', values))) {
      expect(spec.securityContext).toEqual(
        expect.not.objectContaining({ runAsUser: expect.anything(), fsGroup: expect.anything() }),
      );
    }
  });
});

whereHelmIs('helm: chart norn-agent', () => {
  const agentOf = (things: Thing[]): PodSpec => {
    const [pod] = podsOf(things);
    if (!pod) throw new Error('no DaemonSet');
    return pod.spec;
  };

  it('gives the agent the capabilities that have a reason, and no other', () => {
    const { capabilities } = parse(readFileSync(join(charts, 'norn-agent/values.yaml'), 'utf8')) as {
      capabilities: Record<string, string>;
    };
    const [agent] = agentOf(render('norn-agent')).containers;
    expect(agent?.securityContext.capabilities).toEqual({
      drop: ['ALL'],
      add: Object.keys(capabilities).sort(),
    });
    expect(() => render('norn-agent', '--set', 'capabilities.SYS_BOOT=')).toThrow(/SYS_BOOT/);
  });

  it.each([
    ['openshift', '/var/run/crio', '/var/run/crio/crio.sock'],
    ['rke2', '/run/k3s/containerd', '/run/k3s/containerd/containerd.sock'],
    ['k3s', '/run/k3s/containerd', '/run/k3s/containerd/containerd.sock'],
    ['tanzu', '/run/containerd', '/run/containerd/containerd.sock'],
  ])('asks the runtime of %s at its socket', (distribution, folder, socket) => {
    const things = render('norn-agent', '--values', join(charts, `norn-agent/values-${distribution}.yaml`));
    const spec = agentOf(things);
    expect(spec.volumes.find(({ name }) => name === 'runtime')?.hostPath?.path).toBe(folder);
    const environment = spec.containers[0]?.env?.find(({ name }) => name === 'NORN_CONTAINERD_SOCKET');
    expect(environment?.value).toBe(socket);
    expect(things.some(({ kind }) => kind === 'SecurityContextConstraints')).toBe(distribution === 'openshift');
  });

  it('has an account that may do nothing, but where it is to ask for workloads', () => {
    const roles = (things: Thing[]) => things.filter(({ kind }) => kind.startsWith('ClusterRole'));
    const plain = render('norn-agent');
    expect(roles(plain)).toEqual([]);
    expect(agentOf(plain).automountServiceAccountToken).toBe(false);
    const asking = render('norn-agent', '--set', 'workloads.enabled=true');
    expect(agentOf(asking).automountServiceAccountToken).toBe(true);
    expect(roles(asking)).toMatchObject([
      {
        kind: 'ClusterRole',
        metadata: { name: 'norn-norn-workloads' },
        rules: [
          { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
          { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['get'] },
          { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get'] },
        ],
      },
      { kind: 'ClusterRoleBinding', roleRef: { name: 'norn-norn-workloads' }, subjects: [{ namespace: 'norn' }] },
    ]);
  });

  it('takes away what it laid on the node before it is uninstalled', () => {
    const spec = agentOf(render('norn-agent', '--set', 'cleanUp=true'));
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(['clean-up']);
    expect(spec.containers.map(({ name }) => name)).toEqual(['gone']);
    expect(spec.containers[0]?.securityContext.capabilities).toEqual({ drop: ['ALL'] });
  });
});

whereHelmIs.each(['norn', 'norn-agent'])('helm lint of chart %s', (chart) => {
  it('finds nothing', () => {
    const set = chart === 'norn' ? trial : [];
    const args = ['lint', '--strict', '--kube-version', kubeVersion, join(charts, chart), ...set];
    expect(execFileSync(helm, args, { encoding: 'utf8' })).toContain('0 chart(s) failed');
  });
});
