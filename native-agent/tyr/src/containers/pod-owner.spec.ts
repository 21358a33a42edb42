import { podOwner } from './pod-owner.ts';

describe('the owner of a pod', () => {
  it.each([
    ['a deployment', 'web-7d9f-x2k4q', { 'pod-template-hash': '7d9f' }, 'Deployment/web'],
    ['one with dashes', 'my-web-api-7d9f-x2k4q', { 'pod-template-hash': '7d9f' }, 'Deployment/my-web-api'],
    ['a replica set of its own', 'web-x2k4q', { 'pod-template-hash': '7d9f' }, 'ReplicaSet/web'],
    ['a stateful set', 'db-0', { 'statefulset.kubernetes.io/pod-name': 'db-0' }, 'StatefulSet/db'],
    ['a daemon set', 'log-agent-x2k4q', { 'controller-revision-hash': '5c9' }, 'DaemonSet/log-agent'],
    ['a job', 'import-x2k4q', { 'batch.kubernetes.io/job-name': 'import' }, 'Job/import'],
    ['a job of an older cluster', 'import-x2k4q', { 'job-name': 'import' }, 'Job/import'],
    ['nobody', 'till', { app: 'till' }, 'Pod/till'],
  ])('is %s', (_, pod, labels, owner) => {
    expect(podOwner(pod, labels)).toBe(owner);
  });

  it('of a stateful set is not taken for a daemon set: it has the label of both', () => {
    const labels = { 'controller-revision-hash': '5c9', 'statefulset.kubernetes.io/pod-name': 'db-0' };
    expect(podOwner('db-0', labels)).toBe('StatefulSet/db');
  });
});
