// What the navigation shows: address, icon, name, and the key after g.
import type { IconName } from '../shared/ui/icon.tsx';

export const navigationEntries: readonly (readonly [string, IconName, string, string])[] = [
  ['/', 'overview', 'Overview', 'o'],
  ['/alerts', 'alert', 'Alerts', 'a'],
  ['/hosts', 'host', 'Hosts', 'h'],
  ['/containers', 'container', 'Containers', 'c'],
  ['/rules', 'rule', 'Rules', 'l'],
  ['/policy', 'policy', 'Policy', 'p'],
  ['/hunt', 'search', 'Hunt', 'u'],
  ['/responses', 'response', 'Responses', 'r'],
];
