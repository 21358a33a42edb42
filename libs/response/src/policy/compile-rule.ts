// A rule of a policy as detections in the form of Sigma: the rule engine evaluates both, there is no second one.
import type { Detection, FieldMap, Path, Rule, Selection } from '@norn/rules';
import { asPolicyError, type Policy, type PolicyKind, type PolicyRule } from './policy-file.ts';

type Category =
  'process_creation' | 'file_event' | 'file_change' | 'file_delete' | 'file_rename' | 'network_connection';

const fileCategories: Readonly<Record<string, Category>> = {
  write: 'file_event',
  change: 'file_change',
  delete: 'file_delete',
  rename: 'file_rename',
};

/** A selection with the place in the policy that it comes from. */
interface Part {
  readonly name: string;
  readonly selection: Selection;
  /** Below the rule. */
  readonly path: Path;
  readonly negated?: boolean;
}

/** One for each kind of event that the rule is about. `source` names the policy. */
export function sigmaRulesOf(rule: PolicyRule, source: { readonly policy: string; readonly file: string }): Rule[] {
  const detection = detectionOf(rule);
  return categoriesOf(rule).map((category) => ({
    kind: 'detection',
    file: source.file,
    id: `policy.${source.policy}.${rule.name}`,
    title: `Policy ${source.policy}: ${rule.name}`,
    description: rule.description,
    version: 1,
    logsource: { product: 'linux', category },
    level: rule.level ?? 'medium',
    detection,
    filters: [],
    tags: [],
    techniques: rule.techniques,
    falsepositives: [],
    summary: rule.summary ?? summaries[rule.kind],
  }));
}

/** For who looks for what a rule is about elsewhere than in batches. Throws `policy_invalid`. */
export function detectionsOf(rule: PolicyRule, policy: Policy): Rule[] {
  return asPolicyError(() => sigmaRulesOf(rule, policy));
}

const summaries: Readonly<Record<PolicyKind, string>> = {
  exec: '{parent} started {process}: {CommandLine}',
  file: '{process} changed {TargetFilename}',
  network: '{process} and {DestinationIp}, port {DestinationPort}, were connected',
  hash: '{parent} started {process}, whose content is on the list: {CommandLine}',
  canary: '{process} touched {TargetFilename}, which nobody has a reason to touch',
  drift: "{process} ran {Image}, which is not part of the container's image",
};

function categoriesOf({ kind, when }: PolicyRule): Category[] {
  switch (kind) {
    case 'exec':
    case 'hash':
    case 'drift':
      return ['process_creation'];
    case 'network':
      return ['network_connection'];
    case 'canary':
      return Object.values(fileCategories);
    case 'file':
      return (when.operations ?? ['write']).flatMap((operation) => fileCategories[operation] ?? []);
  }
}

function detectionOf(rule: PolicyRule): Detection {
  const parts = [...kindParts(rule), ...notPart(rule), ...subjectParts(rule)];
  const programs = programParts(rule);
  const places = new Map([...parts, ...programs].map(({ name, path }) => [name, path]));
  const conditions = parts.map(({ name, negated }) => (negated ? `not ${name}` : name));
  if (programs.length > 0) conditions.push(`(${programs.map(({ name }) => name).join(' or ')})`);
  return {
    conditions: [conditions.join(' and ')],
    selections: Object.fromEntries([...parts, ...programs].map(({ name, selection }) => [name, selection])),
    place: ([name, ...below]) => rule.place([...(places.get(String(name)) ?? ['when']), ...below]),
  };
}

function kindParts({ kind, when }: PolicyRule): Part[] {
  const path = ['when', kind];
  switch (kind) {
    case 'hash':
      return [{ name: 'hash', selection: { sha256: (when.hash ?? []).map((hash) => hash.toLowerCase()) }, path }];
    case 'canary':
      return [{ name: 'canary', selection: canarySelection(when.canary ?? []), path }];
    case 'drift':
      return [
        { name: 'drifted', selection: { 'Container|exists': true, 'ImageFlags|all': ['upper-layer', 'new'] }, path },
        ...(when.drift === undefined || when.drift === true ? [] : [{ name: 'drift', selection: when.drift, path }]),
      ];
    case 'network':
      return [...asked(when.network, 'network', path), ...directionPart(when.operations)];
    case 'exec':
    case 'file':
      return asked(when[kind], kind, path);
  }
}

function asked(selection: Selection | undefined, name: string, path: Path): Part[] {
  return selection === undefined ? [] : [{ name, selection, path }];
}

/** Its former name counts as well: moved away is touched. */
function canarySelection(paths: readonly string[]): FieldMap[] {
  return [{ TargetFilename: [...paths] }, { SourceFilename: [...paths] }];
}

function directionPart(operations: readonly string[] | undefined): Part[] {
  if (operations === undefined || new Set(operations).size === 2) return [];
  const selection = { Initiated: operations.includes('out') };
  return [{ name: 'direction', selection, path: ['when', 'operations'] }];
}

function notPart({ when }: PolicyRule): Part[] {
  return asked(when.not, 'not_asked', ['when', 'not']).map((part) => ({ ...part, negated: true }));
}

/** The group of a host is no matter of events: who decides looks at it. */
function subjectParts({ subjects: { containerImage, namespace, labels = {}, user } }: PolicyRule): Part[] {
  const path = (key: string): Path => ['subjects', key];
  return [
    ...asked(containerImage && { ContainerImage: containerImage }, 'container_image', path('containerImage')),
    ...asked(namespace && { PodNamespace: namespace }, 'pod_namespace', path('namespace')),
    ...Object.entries(labels).map(([label, values], index) => ({
      name: `pod_label_${index}`,
      selection: { PodLabels: values.map((value) => `${label}=${value}`) },
      path: [...path('labels'), label],
    })),
    ...asked(user && userSelection(user), 'user', path('user')),
  ];
}

function userSelection(users: readonly (string | number)[]): FieldMap[] {
  const names = users.filter((user) => typeof user === 'string');
  const numbers = users.filter((user) => typeof user === 'number');
  return [
    ...(names.length > 0 ? [{ User: names }] : []),
    // As text: of a number the engine takes every notation.
    ...(numbers.length > 0 ? [{ UserId: numbers.map(String) }] : []),
  ];
}

function programParts({ subjects: { program } }: PolicyRule): Part[] {
  if (program === undefined) return [];
  const path = ['subjects', 'program'];
  return [
    { name: 'program', selection: { Image: program }, path },
    { name: 'program_above', selection: { AncestorImages: program }, path },
  ];
}
