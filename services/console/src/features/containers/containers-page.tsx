// Containers: what runs where, and which have open alerts.
import type { ReactElement } from 'react';
import { useAddress } from '../../shared/address.ts';
import type { Container } from '../../shared/api/views.ts';
import { ContainerTable, labelsOf } from '../../shared/ui/container-table.tsx';
import { FilterField } from '../../shared/ui/filter-field.tsx';
import { PageTitle, Panel } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { useContainers } from './containers-query.ts';

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
