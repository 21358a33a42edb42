// What a host keeps for a person to look at: programs that attacks dropped, and former states of files in conflict.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Host } from '../../shared/api/views.ts';
import { bytes, grouped } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Heading, Id, Panel, Time } from '../../shared/ui/parts.tsx';
import { Table } from '../../shared/ui/table.tsx';

const meanings: Readonly<Record<string, string>> = {
  removed: 'a program the attack made',
  conflict: 'before the attack; changed by others since',
};

export function Quarantine({ host }: { host: Host }): ReactElement | null {
  if (host.quarantine.length === 0) return null;
  return (
    <Panel>
      <Heading
        side={`${grouped(host.quarantine.length)} · on the host, readable by root alone, in vault/quarantine under their hash`}
      >
        Quarantine
      </Heading>
      <Table names={['File', 'What it is', 'Size', 'SHA-256', 'Container', 'When', 'Alert']}>
        {host.quarantine.map((file) => (
          <tr
            key={`${file.sha256} ${file.path} ${file.alertId}`}
            data-testid="quarantine-row"
            className="border-b border-line last:border-0 hover:bg-raised"
          >
            <td className="max-w-[360px] truncate px-3 py-1.5 font-mono text-xs" title={file.path}>
              {file.path}
            </td>
            <td className="px-3 whitespace-nowrap">
              <span className="inline-flex items-center gap-1.5">
                <Icon name={file.verdict === 'conflict' ? 'conflict' : 'lost'} size={13} />
                {meanings[file.verdict] ?? file.verdict}
              </span>
            </td>
            <td className="px-3 text-right whitespace-nowrap text-soft">{bytes(file.size)}</td>
            <td className="px-3 text-xs">
              <Id value={file.sha256} length={12} label="hash" />
            </td>
            <td className="px-3 text-xs">
              {file.containerId === '' ? (
                <span className="text-faint">host</span>
              ) : (
                <Id value={file.containerId} label="container id" />
              )}
            </td>
            <td className="px-3 whitespace-nowrap">
              <Time value={file.decidedAt} />
            </td>
            <td className="px-3">
              <Link to={`/alerts/${file.alertId}`} className="font-mono text-xs text-accent hover:underline">
                {file.alertId.slice(0, 12)}
              </Link>
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}
