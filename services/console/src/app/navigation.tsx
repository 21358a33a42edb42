// Where one can go, whether what is shown is live, theme and person. On a phone the navigation stands at the bottom.
import { useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { Link, NavLink } from 'react-router';
import { post } from '../shared/api/client.ts';
import { useSession, useStatus } from '../shared/api/queries.ts';
import { useConnection } from '../shared/api/stream.ts';
import { Icon } from '../shared/ui/icon.tsx';
import { navigationEntries } from './navigation-entries.ts';
import { type Theme, chooseTheme, chosenTheme } from './theme.ts';

export function Sidebar({ onHelp }: { onHelp: () => void }): ReactElement {
  return (
    <header className="sticky top-0 z-20 flex h-12 shrink-0 items-center gap-1 border-b border-line bg-panel px-3 md:h-dvh md:w-52 md:flex-col md:items-stretch md:border-r md:border-b-0 md:p-3">
      <Link to="/" className="flex items-center gap-2 rounded-md px-1 py-1 md:mb-3">
        <img src="/mark.svg" alt="" width="22" height="22" />
        <span className="text-base font-semibold tracking-tight">Norn</span>
      </Link>
      <nav aria-label="Pages" className="hidden flex-1 flex-col gap-0.5 md:flex">
        {navigationEntries.map((entry) => (
          <NavigationEntry key={entry[0]} entry={entry} />
        ))}
      </nav>
      <div className="ml-auto flex items-center gap-1 md:ml-0 md:flex-col md:items-stretch md:gap-2 md:border-t md:border-line md:pt-3">
        <LiveMark />
        <div className="flex items-center gap-1">
          <ThemeButton />
          <button
            type="button"
            onClick={onHelp}
            title="Keys (?)"
            aria-label="Keys"
            className="rounded-md p-2 text-soft hover:bg-raised hover:text-ink"
          >
            <Icon name="keyboard" />
          </button>
          <Person />
        </div>
      </div>
    </header>
  );
}

function NavigationEntry({
  entry: [path, icon, name, key],
}: {
  entry: (typeof navigationEntries)[number];
}): ReactElement {
  const urgent = useUrgent();
  const look = ({ isActive }: { isActive: boolean }): string =>
    `flex h-8 items-center gap-2.5 rounded-md px-2 font-medium ${isActive ? 'bg-raised text-ink' : 'text-soft hover:bg-raised hover:text-ink'}`;
  return (
    <NavLink to={path} end={path === '/'} className={look} title={`g ${key}`}>
      <Icon name={icon} />
      {name}
      {path === '/alerts' && urgent > 0 ? (
        <span className="ml-auto rounded-full bg-critical-wash px-1.5 text-xs text-critical">{urgent}</span>
      ) : null}
    </NavLink>
  );
}

export function BottomBar(): ReactElement {
  const urgent = useUrgent();
  return (
    <nav aria-label="Pages" className="fixed inset-x-0 bottom-0 z-20 flex h-14 border-t border-line bg-panel md:hidden">
      {navigationEntries.map(([path, icon, name]) => (
        <NavLink
          key={path}
          to={path}
          end={path === '/'}
          className={({ isActive }) =>
            `relative flex flex-1 flex-col items-center justify-center gap-0.5 text-xs ${isActive ? 'text-accent' : 'text-soft'}`
          }
        >
          <Icon name={icon} size={18} />
          {name}
          {path === '/alerts' && urgent > 0 ? (
            <span className="absolute top-1 right-4 rounded-full bg-critical-wash px-1 text-xs text-critical">
              {urgent}
            </span>
          ) : null}
        </NavLink>
      ))}
    </nav>
  );
}

function LiveMark(): ReactElement {
  const { state } = useConnection();
  const [dot, word] =
    state === 'live'
      ? ['bg-good', 'Live']
      : state === 'away'
        ? ['bg-high', 'Not connected']
        : ['bg-faint', 'Connecting'];
  return (
    <span role="status" data-testid="live" className="flex items-center gap-2 px-2 text-xs text-soft">
      <span className={`size-2 rounded-full ${dot}`} />
      {word}
    </span>
  );
}

function ThemeButton(): ReactElement {
  const [theme, setTheme] = useState<Theme>(chosenTheme);
  const other = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    chooseTheme(other);
    setTheme(other);
  };
  return (
    <button
      type="button"
      onClick={change}
      title={`Switch to ${other}`}
      aria-label={`Switch to ${other}`}
      className="rounded-md p-2 text-soft hover:bg-raised hover:text-ink"
    >
      <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
    </button>
  );
}

function Person(): ReactElement | null {
  const { data } = useSession();
  const queries = useQueryClient();
  if (data === undefined) return null;
  const signOut = (): void => {
    void post('/logout').then(() => {
      queries.clear();
      location.assign('/login');
    });
  };
  return (
    <button
      type="button"
      onClick={signOut}
      title={`${data.userName}, ${data.role} of ${data.tenantName}. Click to sign out.`}
      className="ml-auto min-w-0 truncate rounded-md px-2 py-1.5 text-right text-xs text-soft hover:bg-raised hover:text-ink max-md:max-w-28"
    >
      {data.userName} · {data.role === data.userName ? data.tenantName : data.role}
    </button>
  );
}

function useUrgent(): number {
  const { data } = useStatus();
  const open = data?.alertsOpen;
  return open === undefined ? 0 : open.critical + open.high + open.medium + open.low + open.informational;
}
