// Keys for everything: a handler by key, quiet while somebody types.
import { useEffect, useEffectEvent } from 'react';

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

export function useKeys(keys: KeyMap): void {
  const press = useEffectEvent((pressed: string, event: KeyboardEvent) => {
    const handler = keys[pressed];
    if (handler === undefined) return;
    event.preventDefault();
    handler(event);
  });
  useEffect(() => {
    let leader = '';
    const listen = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const pressed = leader === '' ? event.key : `${leader} ${event.key}`;
      leader = event.key === 'g' && leader === '' ? 'g' : '';
      press(pressed, event);
    };
    window.addEventListener('keydown', listen);
    return () => {
      window.removeEventListener('keydown', listen);
    };
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.closest('input, textarea, select, [contenteditable], dialog') !== null;
}
