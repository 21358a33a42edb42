// Navigation, the state of the connection, theme, keys. On a phone the navigation stands at the bottom.
import { type ReactElement, type ReactNode, useRef, useState } from 'react';
import { Link, NavLink, useLocation, useNavigate } from 'react-router';
import { useQueryClient } from '@tanstack/react-query';
import { post } from './live/client.ts';
import { useSession, useStatus } from './live/queries.ts';
import { useConnection } from './live/stream.ts';
import { clock } from './ui/format.ts';
import { Icon, type IconName } from './ui/icon.tsx';
import { useKeys } from './ui/keys.ts';
import { Key } from './ui/parts.tsx';
import { type Theme, chooseTheme, chosenTheme } from './ui/theme.ts';

const places: readonly (readonly [string, IconName, string, string])[] = [
  ['/', 'overview', 'Overview', 'o'],
  ['/alerts', 'alert', 'Alerts', 'a'],
  ['/hosts', 'host', 'Hosts', 'h'],
  ['/containers', 'container', 'Containers', 'c'],
  ['/rules', 'rule', 'Rules', 'l'],
  ['/policy', 'policy', 'Policy', 'p'],
  ['/hunt', 'search', 'Hunt', 'u'],
  ['/responses', 'response', 'Responses', 'r'],
];

export function Shell({ children }: { children: ReactNode }): ReactElement {
  const help = useRef<HTMLDialogElement>(null);
  const navigate = useNavigate();
  const goto = Object.fromEntries(places.map(([path, , , key]) => [`g ${key}`, () => void navigate(path)]));
  useKeys({ ...goto, '?': () => help.current?.showModal() });
  return (
    <div className="flex min-h-dvh flex-col md:flex-row">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-panel focus:p-2">
        Skip to the page
      </a>
      <Sidebar onHelp={() => help.current?.showModal()} />
      <main id="main" className="min-w-0 flex-1 p-3 pb-20 md:p-5 md:pb-6">
        <AwayBanner />
        {children}
      </main>
      <BottomBar />
      <Help dialog={help} />
    </div>
  );
}

function useUrgent(): number {
  const { data } = useStatus();
  const open = data?.alertsOpen;
  return open === undefined ? 0 : open.critical + open.high + open.medium + open.low + open.informational;
}

function Sidebar({ onHelp }: { onHelp: () => void }): ReactElement {
  return (
    <header className="sticky top-0 z-20 flex h-12 shrink-0 items-center gap-1 border-b border-line bg-panel px-3 md:h-dvh md:w-52 md:flex-col md:items-stretch md:border-r md:border-b-0 md:p-3">
      <Link to="/" className="flex items-center gap-2 rounded-md px-1 py-1 md:mb-3">
        <img src="/mark.svg" alt="" width="22" height="22" />
        <span className="text-base font-semibold tracking-tight">Norn</span>
      </Link>
      <nav aria-label="Pages" className="hidden flex-1 flex-col gap-0.5 md:flex">
        {places.map((place) => (
          <Place key={place[0]} place={place} />
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

function Place({ place: [path, icon, name, key] }: { place: (typeof places)[number] }): ReactElement {
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

function BottomBar(): ReactElement {
  const urgent = useUrgent();
  return (
    <nav aria-label="Pages" className="fixed inset-x-0 bottom-0 z-20 flex h-14 border-t border-line bg-panel md:hidden">
      {places.map(([path, icon, name]) => (
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

function AwayBanner(): ReactElement | null {
  const { state, since } = useConnection();
  if (state !== 'away') return null;
  return (
    <div
      role="alert"
      data-testid="disconnected"
      className="arriving mb-3 flex items-center gap-2 rounded-lg border border-line-strong bg-high-wash px-3 py-2 text-high"
    >
      <Icon name="away" />
      <span>
        Not connected: this is what was known at {clock(new Date(since).toISOString(), false)}. Trying again by itself;
        hosts protect themselves meanwhile. If it lasts, see <code className="font-mono">./norn status</code>.
      </span>
    </div>
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

const keys: readonly (readonly [string, string])[] = [
  ['j k', 'next and previous row'],
  ['enter', 'open it'],
  ['/', 'search'],
  ['↑ ↓ ← →', 'move, fold and unfold in the process tree'],
  ['[ ]', 'previous and next tab of an alert'],
  ['u', 'back to the list'],
  ['?', 'these keys'],
];

function Help({ dialog }: { dialog: React.RefObject<HTMLDialogElement | null> }): ReactElement {
  const location = useLocation();
  const all = [...places.map(([, , name, key]) => [`g ${key}`, name] as const), ...keys];
  return (
    <dialog
      ref={dialog}
      key={location.pathname}
      aria-label="Keys"
      className="m-auto w-96 max-w-[calc(100vw-24px)] rounded-xl border border-line-strong bg-panel p-5 text-ink shadow-(--shadow)"
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <h2 className="mb-3 text-base font-semibold">Keys</h2>
      <dl className="grid grid-cols-[96px_1fr] gap-y-2">
        {all.map(([key, meaning]) => (
          <div key={key} className="contents">
            <dt className="flex gap-1">
              {key.split(' ').map((part) => (
                <Key key={part}>{part}</Key>
              ))}
            </dt>
            <dd className="text-soft">{meaning}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog" className="mt-4 text-right">
        <button className="h-8 rounded-md border border-line-strong bg-raised px-3 font-medium">Close</button>
      </form>
    </dialog>
  );
}
