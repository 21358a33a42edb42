import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { ContainerTable } from '../src/containers/container-table.ts';
import { CriWatch } from '../src/containers/cri-watch.ts';
import { DockerWatch } from '../src/containers/docker-watch.ts';
import { FakeDocker, imageDigest, startFakeCri } from './fake-runtimes.ts';

let directory: string;
let nowMs = 5_000;
let changed: () => void = () => undefined;
let table: ContainerTable;
const logger = pino({ level: 'silent' });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'norn-runtime-'));
  nowMs = 5_000;
  table = new ContainerTable(
    () => nowMs,
    () => {
      changed();
    },
  );
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function watchOptions(socketPath: string) {
  const onStateChange = (): void => {
    changed();
  };
  return { socketPath, table, logger, onStateChange };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((resolve) => (changed = resolve));
}

const names = () => table.all().map(({ name, endedAtUs }) => `${name} ${endedAtUs === 0n ? 'runs' : 'ended'}`);

describe('Docker', () => {
  it('is listed, then followed', async () => {
    const path = join(directory, 'docker.sock');
    const docker = new FakeDocker();
    docker.running.set('aa', { name: 'web', image: 'shop/web:1.4' });
    await docker.listen(path);
    const watch = new DockerWatch(watchOptions(path));
    watch.start();
    await until(() => watch.state.available);
    expect(table.all()[0]).toMatchObject({
      containerId: 'aa',
      name: 'web',
      image: 'shop/web:1.4',
      imageId: 'sha256:0123',
      runtime: 'docker',
      startedAtUs: BigInt(Date.parse('2026-01-02T03:04:05.678Z')) * 1000n,
      rootPath: '/var/lib/docker/overlay2/aa/merged',
    });
    docker.start('bb', { name: 'db', image: 'postgres' });
    await until(() => table.all().length === 2);
    docker.die('aa');
    await until(() => names().includes('web ended'));
    nowMs += 61_000;
    expect(names()).toEqual(['db runs']);
    await docker.close(); // In the midst of its stream of events, as a killed dockerd does.
    await until(() => !watch.state.available);
    watch.stop();
  });

  it('that is not there is said so, with the socket', () => {
    const watch = new DockerWatch(watchOptions(join(directory, 'none.sock')));
    expect(watch.state).toMatchObject({ available: false });
    expect(watch.state.detail).toContain('none.sock');
  });
});

describe('the CRI', () => {
  it('tells containers with the pod they are in', async () => {
    const path = join(directory, 'containerd.sock');
    const server = await startFakeCri(path);
    const watch = new CriWatch(watchOptions(path));
    watch.start();
    await until(() => watch.state.available);
    expect(table.all()).toMatchObject([
      {
        containerId: 'c'.repeat(64),
        name: 'web',
        image: 'shop/web:1.4',
        imageId: 'sha256:4567',
        runtime: 'containerd',
        podName: 'web-7d9-x2k4q',
        podNamespace: 'shop',
        podUid: 'uid-of-web',
        // The kubelet's own are not among them.
        podLabels: { app: 'web', 'pod-template-hash': '7d9' },
        podOwner: 'Deployment/web',
        imageDigest,
        startedAtUs: 1_760_000_000_000_000n,
      },
    ]);
    watch.stop();
    server.forceShutdown();
  });

  it('gives a pod the workload that the cluster says, where it does', async () => {
    const path = join(directory, 'containerd.sock');
    const server = await startFakeCri(path);
    const workloadOf = (podUid: string) => (podUid === 'uid-of-web' ? 'Rollout/web' : undefined);
    const watch = new CriWatch({ ...watchOptions(path), workloadOf });
    watch.start();
    await until(() => watch.state.available);
    expect(table.all()).toMatchObject([{ podName: 'web-7d9-x2k4q', podOwner: 'Rollout/web' }]);
    watch.stop();
    server.forceShutdown();
  });

  // Each distribution's socket, and where its containerd has the roots of containers.
  it.each([
    ['upstream and Tanzu', 'run/containerd/containerd.sock', 'containerd', 'run/containerd'],
    ['k3s and RKE2', 'run/k3s/containerd/containerd.sock', 'containerd', 'run/k3s/containerd'],
    ['OpenShift', 'var/run/crio/crio.sock', 'cri-o', ''],
  ])('of %s is known by its socket', async (_, socket, runtime, state) => {
    const path = join(directory, socket);
    mkdirSync(dirname(path), { recursive: true });
    const task = join(directory, 'run/containerd/io.containerd.runtime.v2.task/k8s.io');
    const root = state === '' ? '' : join(task.replace('run/containerd', state), 'c'.repeat(64), 'rootfs');
    if (root !== '') mkdirSync(root, { recursive: true });
    const server = await startFakeCri(path);
    const watch = new CriWatch(watchOptions(path));
    watch.start();
    await until(() => watch.state.available);
    expect(table.all()).toMatchObject([{ runtime, rootPath: root, podName: 'web-7d9-x2k4q' }]);
    watch.stop();
    server.forceShutdown();
  });

  it('that is not served is said so', async () => {
    const path = join(directory, 'containerd.sock');
    const server = await startFakeCri(path, { serves: false });
    const watch = new CriWatch(watchOptions(path));
    watch.start();
    await until(() => watch.state.detail.includes('UNIMPLEMENTED'));
    expect(watch.state.available).toBe(false);
    watch.stop();
    server.forceShutdown();
  });
});
