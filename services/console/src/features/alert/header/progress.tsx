// How far the newest command of an alert is.
import type { ReactElement } from 'react';
import type { Command } from '../../../shared/api/views.ts';
import { CommandState } from '../../../shared/ui/parts.tsx';

const steps = ['requested', 'dispatched', 'delivered', 'running'] as const;
/** How long what came of a command stays under the buttons. */
const freshMs = 10 * 60_000;

/** The newest command: how far it is, then what came of it. */
export function Progress({ commands }: { commands: readonly Command[] }): ReactElement | null {
  const [command] = commands;
  if (command === undefined) return null;
  if (isDone(command)) return null;
  const reached = steps.indexOf(command.state as (typeof steps)[number]);
  return (
    <div
      data-testid="progress"
      role="status"
      className="arriving flex flex-wrap items-center gap-x-3 gap-y-1 text-soft"
    >
      <CommandState command={command} />
      {command.finishedAt !== '' ? null : (
        <span aria-hidden="true" className="flex items-center gap-1">
          {steps.map((step, index) => (
            <span
              key={step}
              title={step}
              className={`h-1 w-7 rounded-full ${index <= reached ? 'bg-low' : 'bg-line-strong'}`}
            />
          ))}
        </span>
      )}
      <span>{command.summary}</span>
    </div>
  );
}

/** It succeeded, and long enough ago. */
function isDone({ finishedAt, state, outcome }: Command): boolean {
  if (finishedAt === '' || state !== 'succeeded' || outcome === 'nothing') return false;
  return Date.now() - Date.parse(finishedAt) > freshMs;
}
