// What people and policies asked of the host, and what came of it.
import type { ReactElement } from 'react';
import type { Command } from '../../../shared/api/views.ts';
import { CommandState, Id, Time } from '../../../shared/ui/parts.tsx';
import { Notice } from '../../../shared/ui/states.tsx';

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
