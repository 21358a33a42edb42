// Tabs: one of several parts at a time, each with what it counts.
import { Tabs as Parts } from 'radix-ui';
import type { ReactElement } from 'react';
import { grouped } from '../format.ts';
import { Icon, type IconName } from './icon.tsx';

export interface Tab {
  readonly name: string;
  readonly label: string;
  readonly icon: IconName;
  readonly count?: number;
  /** There are more than are counted. */
  readonly hasMore?: boolean;
  /** Drawn only while it is chosen. */
  readonly content: ReactElement;
}

interface Props {
  label: string;
  tabs: readonly Tab[];
  chosen: string;
  onChoose: (name: string) => void;
}

export function Tabs({ label, tabs, chosen, onChoose }: Props): ReactElement {
  return (
    <Parts.Root value={chosen} onValueChange={onChoose}>
      <Parts.List aria-label={label} className="flex gap-1 overflow-x-auto border-b border-line px-2">
        {tabs.map((tab) => (
          <Trigger key={tab.name} tab={tab} />
        ))}
      </Parts.List>
      {tabs.map(({ name, content }) => (
        <Parts.Content key={name} value={name} tabIndex={-1}>
          {content}
        </Parts.Content>
      ))}
    </Parts.Root>
  );
}

function Trigger({ tab: { name, label, icon, count, hasMore = false } }: { tab: Tab }): ReactElement {
  return (
    <Parts.Trigger
      value={name}
      data-testid={`tab-${name}`}
      className="flex h-10 items-center gap-1.5 border-b-2 border-transparent px-2.5 font-medium whitespace-nowrap text-soft hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
    >
      <Icon name={icon} size={14} />
      {label}
      {count === undefined ? null : (
        <span className="rounded-full bg-raised px-1.5 text-xs text-soft">
          {grouped(count)}
          {hasMore ? '+' : ''}
        </span>
      )}
    </Parts.Trigger>
  );
}
