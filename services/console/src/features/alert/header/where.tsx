// Where it happened, the container first: its id short with copy, full on hover.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Alert } from '../../../shared/api/views.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Id } from '../../../shared/ui/parts.tsx';

export function Where({ alert }: { alert: Alert }): ReactElement {
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
      {alert.containerId === '' ? (
        <span className="text-soft">on the host itself</span>
      ) : (
        <span className="flex flex-wrap items-center gap-x-2 rounded-md border border-low/40 bg-low-wash px-2 py-0.5">
          <Icon name="container" size={14} className="text-low" />
          <Id value={alert.containerId} label="container id" testId="container-id" className="font-medium" />
          <Link
            to={`/alerts?container=${alert.containerId}`}
            title="All alerts of this container"
            className="font-medium hover:text-accent hover:underline"
            data-testid="container-name"
          >
            {alert.containerName || 'unnamed'}
          </Link>
          <span className="text-soft" data-testid="container-image" title={alert.imageDigest || undefined}>
            {alert.containerImage}
          </span>
        </span>
      )}
      <PodOf alert={alert} />
      <Link
        to={`/hosts/${alert.hostId}`}
        className="flex items-center gap-1.5 text-soft hover:text-accent hover:underline"
        data-testid="host-name"
      >
        <Icon name="host" size={14} />
        {alert.hostName}
      </Link>
      <OtherHosts alert={alert} />
    </div>
  );
}

/** In a cluster people know the pod, and not the container. */
function PodOf({ alert }: { alert: Alert }): ReactElement | null {
  const { podName, podNamespace, pod } = alert;
  if (podName === '') return null;
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-x-2" data-testid="pod">
      <span>
        <span className="text-soft">pod </span>
        <FilterLink filter="namespace" value={podNamespace} />/<FilterLink filter="pod" value={podName} />
      </span>
      {pod === undefined ? null : (
        <>
          {pod.owner === '' ? null : (
            <span className="text-soft">
              of <FilterLink filter="workload" value={pod.owner} />
            </span>
          )}
          {pod.serviceAccount === '' ? null : <span className="text-soft">as {pod.serviceAccount}</span>}
          {Object.entries(pod.labels).map(([name, value]) => (
            <span key={name} className="rounded bg-raised px-1.5 font-mono text-xs">
              <FilterLink filter="label" value={`${name}=${value}`} />
            </span>
          ))}
        </>
      )}
    </span>
  );
}

function FilterLink({ filter, value }: { filter: string; value: string }): ReactElement {
  return (
    <Link
      to={`/alerts?${filter}=${encodeURIComponent(value)}`}
      title={`All alerts of this ${filter}`}
      className="hover:text-accent hover:underline"
    >
      {value}
    </Link>
  );
}

/** What was counted over several hosts stands with the last of them. */
function OtherHosts({ alert }: { alert: Alert }): ReactElement | null {
  const others = alert.hosts.filter(({ hostId }) => hostId !== alert.hostId);
  if (others.length === 0) return null;
  return (
    <span className="flex flex-wrap items-center gap-x-2 text-soft" data-testid="other-hosts">
      and
      {others.map(({ hostId, hostName }) => (
        <Link key={hostId} to={`/hosts/${hostId}`} className="hover:text-accent hover:underline">
          {hostName}
        </Link>
      ))}
    </span>
  );
}
