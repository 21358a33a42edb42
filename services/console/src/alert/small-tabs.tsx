// Connections, commands, and the alert as the API gives it.
import { type ReactElement, type ReactNode, useMemo } from 'react';
import type { AlertDetail, Command } from '../live/views.ts';
import { clock, exact } from '../ui/format.ts';
import { Button, CommandState, Id, Time } from '../ui/parts.tsx';
import { Notice } from '../ui/states.tsx';

export function Head({ names }: { names: readonly string[] }): ReactElement {
  return (
    <thead className="text-xs text-faint">
      <tr className="border-b border-line">
        {names.map((name) => (
          <th key={name} scope="col" className="h-8 px-3 font-normal whitespace-nowrap">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

export function Table({ names, children }: { names: readonly string[]; children: ReactNode }): ReactElement {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left">
        <Head names={names} />
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

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

export function CommandsTab({ commands }: { commands: readonly Command[] }): ReactElement {
  if (commands.length === 0)
    return (
      <Notice icon="response" title="Nothing was asked of the host">
        The agent acts by itself within milliseconds; what people and policies ask for stands here.
      </Notice>
    );
  return (
    <ol>
      {commands.map((command) => (
        <li
          key={command.id}
          data-testid="command-row"
          className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5 last:border-0"
        >
          <span className="w-28">
            <CommandState command={command} />
          </span>
          <span className="min-w-0 flex-1 basis-80">{command.summary}</span>
          {command.code === '' || command.code === 'ok' ? null : (
            <code className="rounded bg-raised px-1.5 font-mono text-xs text-high">{command.code}</code>
          )}
          <Time value={command.requestedAt} className="text-soft" />
          <Id value={command.id} length={8} label="command id" className="text-xs text-faint" />
        </li>
      ))}
    </ol>
  );
}

export function RawTab({ detail }: { detail: AlertDetail }): ReactElement {
  const text = useMemo(() => JSON.stringify(detail, null, 2), [detail]);
  return (
    <div data-testid="raw" className="relative">
      <Button
        kind="plain"
        icon="copy"
        className="absolute top-3 right-5"
        onClick={() => void navigator.clipboard.writeText(text)}
      >
        Copy
      </Button>
      <pre tabIndex={0} className="max-h-[460px] overflow-auto p-4 font-mono text-xs leading-5 text-soft">
        {text.slice(0, 200_000)}
      </pre>
    </div>
  );
}
