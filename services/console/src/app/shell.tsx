// The frame of every page: navigation, what is known of the connection, keys.
import { type ReactElement, type ReactNode, useRef } from 'react';
import { useNavigate } from 'react-router';
import { useConnection } from '../shared/api/stream.ts';
import { clock } from '../shared/format.ts';
import { useKeys } from '../shared/keys.ts';
import { Icon } from '../shared/ui/icon.tsx';
import { Help } from './help.tsx';
import { BottomBar, Sidebar } from './navigation.tsx';
import { navigationEntries } from './navigation-entries.ts';

export function Shell({ children }: { children: ReactNode }): ReactElement {
  const help = useRef<HTMLDialogElement>(null);
  const navigate = useNavigate();
  const goto = Object.fromEntries(navigationEntries.map(([path, , , key]) => [`g ${key}`, () => void navigate(path)]));
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
