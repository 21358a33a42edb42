// Containers as a table: on their own page and on their host's.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Container } from '../api/views.ts';
import { Id, Time } from './parts.tsx';
import { Table } from './table.tsx';

export function ContainerTable({ containers }: { containers: readonly Container[] }): ReactElement {
  return (
    <Table names={['Container', 'Name', 'Pod', 'Image', 'Host', 'Alerts', 'Started', 'State']}>
      {containers.map((container) => (
        <tr
          key={`${container.hostId} ${container.containerId}`}
          data-testid="container-row"
          className="border-b border-line last:border-0 hover:bg-raised"
        >
          <td className="px-3 py-1.5">
            <Id value={container.containerId} label="container id" />
          </td>
          <td className="px-3 font-medium whitespace-nowrap">{container.name || '–'}</td>
          <td className="px-3 whitespace-nowrap text-soft" title={labelsOf(container).join('\n')}>
            {container.podName === '' ? '–' : `${container.podNamespace}/${container.podName}`}
          </td>
          <td className="px-3 whitespace-nowrap text-soft" title={container.imageDigest || container.imageId}>
            {container.image}
          </td>
          <td className="px-3 whitespace-nowrap">
            <Link to={`/hosts/${container.hostId}`} className="hover:text-accent hover:underline">
              {container.hostName || container.hostId}
            </Link>
          </td>
          <td className="px-3 whitespace-nowrap">
            <Link
              to={`/alerts?container=${container.containerId}`}
              className={
                container.openAlerts > 0 ? 'font-medium text-high hover:underline' : 'text-faint hover:text-accent'
              }
            >
              {container.openAlerts > 0 ? `${container.openAlerts} open` : 'none open'}
            </Link>
          </td>
          <td className="px-3 whitespace-nowrap text-soft">
            <Time value={container.startedAt} />
          </td>
          <td className="px-3 whitespace-nowrap">
            {container.running ? (
              <span className="text-good">running</span>
            ) : (
              <span className="text-faint">
                ended <Time value={container.endedAt} />
              </span>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** "app=web" */
export function labelsOf({ pod }: Container): string[] {
  return Object.entries(pod?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
}
