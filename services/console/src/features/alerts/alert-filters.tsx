// Filters of the list of alerts; they live in the address.
import { type ReactElement, type RefObject, useEffect, useState } from 'react';
import { useAddress } from '../../shared/address.ts';
import { openStates } from '../../shared/alert-states.ts';
import { capital } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { severities } from '../../shared/ui/parts.tsx';

export const filterNames = [
  'state',
  'severity',
  'host',
  'container',
  'technique',
  'rule',
  'sha256',
  'image',
  'namespace',
  'pod',
  'workload',
  'containerImage',
  'label',
  'q',
] as const;
/** What a chip calls a filter where that is not its name in the address. */
const chipNames: Readonly<Record<string, string>> = { containerImage: 'container image' };
const shownAsChips = filterNames.filter((name) => !['state', 'severity', 'q'].includes(name));

const views: readonly (readonly [string, string])[] = [
  ['', 'All'],
  [openStates, 'Open'],
  ['stopped', 'Waiting'],
  ['remediated', 'Remediated'],
  ['released', 'Released'],
  ['archived', 'Archived'],
];
const typingMs = 250;

export function AlertFilters({ search }: { search: RefObject<HTMLInputElement | null> }): ReactElement {
  const [read, write] = useAddress();
  const state = read('state');
  const chosen = read('severity')
    .split(',')
    .filter((word) => word !== '');
  const flip = (severity: string): void => {
    const next = chosen.includes(severity) ? chosen.filter((word) => word !== severity) : [...chosen, severity];
    write({ severity: next.join(',') });
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <div
        role="group"
        aria-label="State"
        className="flex max-w-full overflow-x-auto rounded-md border border-line bg-panel p-0.5"
      >
        {views.map(([value, word]) => (
          <button
            key={word}
            type="button"
            aria-pressed={state === value}
            onClick={() => {
              write({ state: value });
            }}
            className={`h-7 rounded px-2.5 font-medium ${state === value ? 'bg-raised text-ink' : 'text-soft hover:text-ink'}`}
          >
            {word}
          </button>
        ))}
      </div>
      <div role="group" aria-label="Severity" className="flex max-w-full gap-1 overflow-x-auto">
        {severities.map((severity) => {
          const on = chosen.includes(severity);
          return (
            <button
              key={severity}
              type="button"
              aria-pressed={on}
              onClick={() => {
                flip(severity);
              }}
              className={`flex h-8 items-center gap-1.5 rounded-md border px-2.5 ${on ? 'border-accent bg-accent-wash text-ink' : 'border-line bg-panel text-soft hover:border-line-strong'}`}
            >
              <Icon name={severity} size={13} />
              {severity === 'informational' ? 'Info' : capital(severity)}
            </button>
          );
        })}
      </div>
      <Search search={search} />
      <Chips />
    </div>
  );
}

function Search({ search }: { search: RefObject<HTMLInputElement | null> }): ReactElement {
  const [read, write] = useAddress();
  const given = read('q');
  const [typed, setTyped] = useState(given);
  const [shown, setShown] = useState(given);
  // What the address says otherwise, as after going back, takes the place of what was typed.
  if (shown !== given) {
    setShown(given);
    setTyped(given);
  }
  useEffect(() => {
    if (typed === given) return;
    const timer = setTimeout(() => {
      write({ q: typed.trim() });
    }, typingMs);
    return () => {
      clearTimeout(timer);
    };
  }, [typed, given, write]);
  return (
    <label className="flex h-8 min-w-48 flex-1 items-center gap-2 rounded-md border border-line bg-panel px-2.5 focus-within:border-accent">
      <Icon name="search" size={14} className="text-faint" />
      <input
        ref={search}
        type="search"
        value={typed}
        maxLength={200}
        onChange={({ target }) => {
          setTyped(target.value);
        }}
        placeholder="Search titles, sentences, containers, pods, images, ids   /"
        aria-label="Search alerts"
        className="min-w-0 flex-1 bg-transparent outline-none placeholder:text-faint"
      />
    </label>
  );
}

function Chips(): ReactElement | null {
  const [read, write] = useAddress();
  const set = shownAsChips.map((name) => [name, read(name)] as const).filter(([, value]) => value !== '');
  if (set.length === 0) return null;
  return (
    <div className="flex flex-wrap gap-1.5">
      {set.map(([name, value]) => (
        <button
          key={name}
          type="button"
          title={`Remove this filter: ${value}`}
          onClick={() => {
            write({ [name]: '' });
          }}
          className="flex h-8 max-w-64 items-center gap-1.5 rounded-md border border-accent bg-accent-wash px-2.5"
        >
          <span className="text-soft">{chipNames[name] ?? name}</span>
          <span className="truncate font-mono text-xs">{value}</span>
          <Icon name="cross" size={11} />
        </button>
      ))}
    </div>
  );
}
