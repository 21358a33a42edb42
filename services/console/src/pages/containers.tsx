// Containers: what runs where, and which have open alerts.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useContainers } from '../live/queries.ts';
import type { Container } from '../live/views.ts';
import { Table } from '../alert/small-tabs.tsx';
import { useAddress } from '../ui/address.ts';
import { FilterField } from '../ui/filter-field.tsx';
import { Id, PageTitle, Panel, Time } from '../ui/parts.tsx';
import { Failed, Loading, Notice } from '../ui/states.tsx';

export function ContainersPage(): ReactElement {
  const { data, isError, error, refetch } = useContainers();
  const [read] = useAddress();
  const words = read('q').toLowerCase();
  if (data === undefined)
    return <Panel>{isError ? <Failed error={error} again={() => void refetch()} /> : <Loading />}</Panel>;
  const shown = data.containers.filter((container) =>
    searched(container).some((value) => value.toLowerCase().includes(words)),
  );
  return (
    <div className="flex flex-col gap-3">
      <PageTitle side={<FilterField label="Filter containers" hint="Name, pod, label, image, id, host" width="w-48" />}>
        Containers
      </PageTitle>
      <Panel>
        {shown.length === 0 ? (
          <Notice icon="container" title={words === '' ? 'No container was seen yet' : 'No container is called so'}>
            {words === ''
              ? 'Agents learn of containers from the runtime as soon as one starts.'
              : 'Try a part of the name, the image or the id.'}
          </Notice>
        ) : (
          <ContainerTable containers={shown} />
        )}
      </Panel>
    </div>
  );
}

function searched(container: Container): string[] {
  const { containerId, name, image, imageDigest, hostName, podNamespace, podName, pod } = container;
  const ofPod = [`${podNamespace}/${podName}`, pod?.owner ?? '', pod?.serviceAccount ?? '', ...labelsOf(container)];
  return [containerId, name, image, imageDigest, hostName, ...ofPod];
}

/** "app=web" */
function labelsOf({ pod }: Container): string[] {
  return Object.entries(pod?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
}

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
