// All keys, on a key.
import type { ReactElement, RefObject } from 'react';
import { useLocation } from 'react-router';
import { Key } from '../shared/ui/parts.tsx';
import { navigationEntries } from './navigation-entries.ts';

const keys: readonly (readonly [string, string])[] = [
  ['j k', 'next and previous row'],
  ['enter', 'open it'],
  ['/', 'search'],
  ['↑ ↓ ← →', 'move, fold and unfold in the process tree'],
  ['[ ]', 'previous and next tab of an alert'],
  ['u', 'back to the list'],
  ['?', 'these keys'],
];

export function Help({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }): ReactElement {
  const location = useLocation();
  const all = [...navigationEntries.map(([, , name, key]) => [`g ${key}`, name] as const), ...keys];
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
