// The field that narrows a list; what is typed stands in the address.
import type { ReactElement } from 'react';
import { useAddress } from '../address.ts';
import { Icon } from './icon.tsx';

/** `width` is a class. */
export function FilterField({ label, hint, width }: { label: string; hint: string; width: string }): ReactElement {
  const [read, write] = useAddress();
  return (
    <label className="flex h-8 items-center gap-2 rounded-md border border-line bg-panel px-2.5 focus-within:border-accent">
      <Icon name="search" size={14} className="text-faint" />
      <input
        type="search"
        value={read('q')}
        onChange={({ target }) => {
          write({ q: target.value });
        }}
        placeholder={hint}
        aria-label={label}
        className={`${width} bg-transparent outline-none placeholder:text-faint`}
      />
    </label>
  );
}
