// Who made a pod, from the labels that Kubernetes' controllers put on it: nobody has to be asked.

/** "Deployment/web", "StatefulSet/db", "DaemonSet/log", "Job/import"; "Pod/till" for one that stands alone. */
export function podOwner(pod: string, labels: Readonly<Record<string, string>>): string {
  const job = labels['batch.kubernetes.io/job-name'] ?? labels['job-name'];
  if (job !== undefined) return `Job/${job}`;
  if (labels['statefulset.kubernetes.io/pod-name'] !== undefined) return `StatefulSet/${withoutLast(pod)}`;
  const template = labels['pod-template-hash'];
  if (template !== undefined) return deploymentOf(pod, template);
  if (labels['controller-revision-hash'] !== undefined) return `DaemonSet/${withoutLast(pod)}`;
  return `Pod/${pod}`;
}

/** "web-7d9f-x2k4q" of the template 7d9f is of web's. */
function deploymentOf(pod: string, template: string): string {
  const replicaSet = withoutLast(pod);
  const end = `-${template}`;
  return replicaSet.endsWith(end) ? `Deployment/${replicaSet.slice(0, -end.length)}` : `ReplicaSet/${replicaSet}`;
}

/** The part that the controller made up, or counted, stands behind the last "-". */
function withoutLast(pod: string): string {
  return pod.slice(0, Math.max(0, pod.lastIndexOf('-'))) || pod;
}
