import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { KubernetesApi } from '../src/containers/kubernetes-api.ts';
import { WorkloadWatch } from '../src/containers/workload-watch.ts';
import { limits } from '../src/limits.ts';
import { FakeApiServer, type FakeObject } from './fake-api-server.ts';

const web: FakeObject = {
  name: 'web-7d9-x2k4q',
  uid: 'u-web',
  owner: { kind: 'ReplicaSet', name: 'web-7d9', uid: 'r1' },
};
const nightly: FakeObject = {
  name: 'nightly-29-abcde',
  uid: 'u-job',
  owner: { kind: 'Job', name: 'nightly-29', uid: 'j1' },
};
const database: FakeObject = { name: 'db-0', uid: 'u-db', owner: { kind: 'StatefulSet', name: 'db', uid: 's1' } };
const till: FakeObject = { name: 'till', uid: 'u-till' };
const pollMs = 5;

let server: FakeApiServer;
let watch: WorkloadWatch;
const known = (...pods: FakeObject[]) => pods.map(({ uid }) => watch.workloadOf(uid));

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(pollMs);
}

beforeEach(async () => {
  Object.assign(limits, { runtimeRetryMs: 20, watchAgainMs: 5, forbiddenRetryMs: 30 });
  server = new FakeApiServer();
  await server.start();
  for (const pod of [web, nightly, database, till]) server.pods.set(pod.uid, pod);
  server.parents.set('replicasets/web-7d9', {
    name: 'web-7d9',
    uid: 'r1',
    owner: { kind: 'Deployment', name: 'web', uid: 'd1' },
  });
  server.parents.set('jobs/nightly-29', {
    name: 'nightly-29',
    uid: 'j1',
    owner: { kind: 'CronJob', name: 'nightly', uid: 'c1' },
  });
  watch = new WorkloadWatch({
    api: new KubernetesApi(server.url, server.account),
    node: 'node-7',
    logger: pino({ level: 'silent' }),
    onStateChange: () => undefined,
  });
});

afterEach(async () => {
  watch.stop();
  await server.end();
});

describe('the workloads of pods', () => {
  it('are what stands above them, page by page', async () => {
    watch.start();
    await until(() => watch.state.available);
    expect(known(web, nightly, database, till)).toEqual([
      'Deployment/web',
      'CronJob/nightly',
      'StatefulSet/db',
      'Pod/till',
    ]);
  });

  it('are asked for with the account of the pod, of its own node, and of every object the metadata alone', async () => {
    watch.start();
    await until(() => server.isWatched);
    for (const { headers, url = '' } of server.asked) {
      expect(headers.authorization).toBe('Bearer token-of-the-agent');
      expect(headers.accept).toContain('as=PartialObjectMetadata');
      if (url.startsWith('/api/v1/pods?')) expect(url).toContain('fieldSelector=spec.nodeName%3Dnode-7');
    }
  });

  it('of a pod that comes later are told by the watch, and one replica set is asked for once', async () => {
    watch.start();
    await until(() => server.isWatched);
    const second = { ...web, name: 'web-7d9-zzzzz', uid: 'u-web-2' };
    server.tell('ADDED', second);
    await until(() => watch.workloadOf(second.uid) !== undefined);
    expect(known(second)).toEqual(['Deployment/web']);
    expect(server.asked.filter(({ url = '' }) => url.endsWith('/replicasets/web-7d9'))).toHaveLength(1);
  });

  it('go on after the server has forgotten what it would have told', async () => {
    watch.start();
    await until(() => server.isWatched);
    const lists = (): number => server.asked.filter(({ url = '' }) => url.includes('limit=')).length;
    const before = lists();
    server.pods.set('u-late', { name: 'late', uid: 'u-late' });
    server.expire();
    await until(() => watch.workloadOf('u-late') !== undefined);
    expect(lists()).toBeGreaterThan(before);
    expect(watch.state.available).toBe(true);
  });

  it('of a deleted pod stay known until the next list, for its container may run on', async () => {
    watch.start();
    await until(() => server.isWatched);
    server.tell('DELETED', till);
    server.tell('ADDED', { name: 'next', uid: 'u-next' });
    await until(() => watch.workloadOf('u-next') !== undefined);
    expect(known(till)).toEqual(['Pod/till']);
    server.expire();
    await until(() => watch.workloadOf(till.uid) === undefined);
  });
});

describe('an API server that does not say', () => {
  it('anything leaves the labels to tell, and the capability names the path that is refused', async () => {
    server.forbidden.add('/pods');
    watch.start();
    await until(() => watch.state.detail.includes('403'));
    expect(watch.state.available).toBe(false);
    expect(watch.state.detail).toContain('GET /api/v1/pods (403): chart norn-agent');
    expect(known(web)).toEqual([undefined]);
  });

  it('of replica sets still says all others', async () => {
    server.forbidden.add('/replicasets');
    watch.start();
    await until(() => server.isWatched);
    expect(watch.state.available).toBe(false);
    expect(watch.state.detail).toContain('/replicasets/web-7d9 (403)');
    expect(known(web, nightly, database, till)).toEqual([undefined, 'CronJob/nightly', 'StatefulSet/db', 'Pod/till']);
  });

  it('is asked again once it lets the agent in', async () => {
    server.forbidden.add('/pods');
    watch.start();
    await until(() => watch.state.detail.includes('403'));
    server.forbidden.clear();
    await until(() => watch.state.available);
    expect(known(web)).toEqual(['Deployment/web']);
  });

  it('because it is gone takes nothing away that was known, and is found again', async () => {
    watch.start();
    await until(() => server.isWatched);
    await server.stop();
    await until(() => !watch.state.available);
    expect(known(web)).toEqual(['Deployment/web']);
    server.pods.set('u-late', { name: 'late', uid: 'u-late' });
    await server.start();
    await until(() => watch.workloadOf('u-late') !== undefined);
    expect(watch.state.available).toBe(true);
  });

  it('what has made a job, for it is gone, leaves the job', async () => {
    server.parents.clear();
    watch.start();
    await until(() => watch.state.available);
    expect(known(web, nightly)).toEqual(['ReplicaSet/web-7d9', 'Job/nightly-29']);
  });
});
