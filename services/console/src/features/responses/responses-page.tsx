// Responses: every command with what came of it.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../shared/ui/icon.tsx';
import { CommandState, PageTitle, Panel, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { useCommands } from './commands-query.ts';

export function ResponsesPage(): ReactElement {
  const { data, isError, error, refetch } = useCommands();
  return (
    <div className="flex flex-col gap-3">
      <PageTitle>Responses</PageTitle>
      <Panel>
        {data === undefined ? (
          isError ? (
            <Failed error={error} again={() => void refetch()} />
          ) : (
            <Loading />
          )
        ) : data.commands.length === 0 ? (
          <Notice icon="response" title="Nothing was asked of a host yet">
            Commands of people and policies stand here with their outcome. What the agent stops by itself stands in each
            alert.
          </Notice>
        ) : (
          <ol>
            {data.commands.map((command) => (
              <li
                key={command.id}
                data-testid="command-row"
                className="grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5 last:border-0 lg:grid-cols-[120px_minmax(0,1fr)_200px_90px]"
              >
                <CommandState command={command} />
                <span className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">{command.summary}</span>
                <Link
                  to={`/alerts/${command.alertId}?tab=commands`}
                  className="order-4 flex items-center gap-1.5 truncate text-soft hover:text-accent lg:order-none"
                >
                  <Icon name="alert" size={13} /> {command.alertTitle || 'its alert'}
                </Link>
                <Time value={command.requestedAt} className="order-2 text-right text-soft lg:order-none" />
              </li>
            ))}
          </ol>
        )}
      </Panel>
    </div>
  );
}
