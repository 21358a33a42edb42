// Which connections the attack opened, accepted or listened for.
import type { ReactElement } from 'react';
import type { AlertDetail } from '../../../shared/api/views.ts';
import { clock, exact } from '../../../shared/format.ts';
import { Id } from '../../../shared/ui/parts.tsx';
import { Notice } from '../../../shared/ui/states.tsx';
import { Table } from '../../../shared/ui/table.tsx';

const directions: Readonly<Record<string, string>> = {
  connect: 'connected to',
  accept: 'accepted from',
  listen: 'listened on',
  stdio: 'joined stdin and stdout to',
};

export function ConnectionsTab({
  detail,
  onProcess,
}: {
  detail: AlertDetail;
  onProcess: (uid: string) => void;
}): ReactElement {
  if (detail.connections.length === 0)
    return (
      <Notice icon="network" title="It opened no connection">
        Nor did it accept or listen for one.
      </Notice>
    );
  return (
    <Table names={['When', 'Process', 'Did', 'Address', 'Port', 'Container']}>
      {detail.connections.map((connection, index) => (
        <tr
          key={`${connection.time} ${index}`}
          data-testid="connection-row"
          className="border-b border-line last:border-0 hover:bg-raised"
        >
          <td className="px-3 py-1.5 font-mono text-xs whitespace-nowrap" title={exact(connection.time)}>
            {clock(connection.time)}
          </td>
          <td className="px-3">
            <button
              type="button"
              onClick={() => {
                onProcess(connection.processUid);
              }}
              className="text-accent hover:underline"
            >
              {connection.processName} {connection.pid}
            </button>
          </td>
          <td
            className={`px-3 whitespace-nowrap ${connection.direction === 'stdio' ? 'font-medium text-critical' : 'text-soft'}`}
          >
            {directions[connection.direction] ?? connection.direction}
          </td>
          <td className="px-3 font-mono text-xs">{connection.address}</td>
          <td className="px-3 font-mono text-xs">{connection.port === 0 ? '–' : connection.port}</td>
          <td className="px-3">
            <Id value={connection.containerId} label="container id" />
          </td>
        </tr>
      ))}
    </Table>
  );
}
