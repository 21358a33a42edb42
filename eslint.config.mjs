// Lint: strict types, the budgets of CONTRIBUTING.md, and the layers of ARCHITECTURE.md with the cure in the message.
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';
import { requireNode } from './deploy/runtime/require-node.mjs';
import { consoleRules } from './services/console/eslint.mjs';

requireNode();

const layer = (source, allowed) => ({
  sourceTag: `layer:${source}`,
  onlyDependOnLibsWithTags: allowed.map((name) => `layer:${name}`),
});

const layers = [
  layer('base', ['base']),
  layer('contracts', ['contracts', 'base']),
  // A platform library wraps one technology; it may stand on other platform libraries.
  layer('platform', ['platform', 'contracts', 'base']),
  // A domain library is pure: no Nest, no broker, no database, no clock but the one passed in.
  layer('domain', ['domain', 'contracts', 'base']),
  // The frame of a stage, by NestJS: it starts and ends what a service consists of, and knows none of them.
  layer('frame', ['frame', 'platform', 'contracts', 'base']),
  // No service imports a service: they meet in proto/ and in topics.
  layer('service', ['frame', 'domain', 'platform', 'contracts', 'base']),
  layer('agent', ['domain', 'platform', 'contracts', 'base']),
  // The broker and the databases themselves, for an installation on one machine and for tests; a service only meets them by their protocols.
  layer('embedded', ['platform', 'contracts', 'base']),
  layer('testkit', ['embedded', 'frame', 'domain', 'platform', 'contracts', 'base']),
  // Assembles services into processes; nothing imports it but tests.
  layer('assembly', [
    'assembly',
    'testkit',
    'embedded',
    'service',
    'agent',
    'frame',
    'domain',
    'platform',
    'contracts',
    'base',
  ]),
  layer('test', [
    'testkit',
    'embedded',
    'assembly',
    'service',
    'agent',
    'frame',
    'domain',
    'platform',
    'contracts',
    'base',
  ]),
];

const budgets = {
  'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
  'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
  'max-params': ['error', 4],
  complexity: ['error', 15],
};

const pure = ['@nestjs/*', 'kafkajs', 'typeorm', 'pg', '@clickhouse/*', 'node:fs', 'node:net', 'node:http'];

const environment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Read the environment through @norn/config: it parses once, types it and refuses unknown keys.',
};
/** The rooms of services/api, each above those that it may import. */
const apiFeatures = [
  'alerts',
  'hunts',
  'rules',
  'exceptions',
  'policy',
  'hosts',
  'findings',
  'audit',
  'status',
  'stream',
];
const apiCures = {
  feature: 'A feature of the API imports no other: what two of them need moves to services/api/src/model.',
  model:
    'model/ is below the features: move what it needs of one into model/, or let the feature pass it as an argument.',
  access: 'access/ is below model/ and the features: what it needs of them is passed as an argument.',
  http: 'http/ is the lowest room: it knows requests and answers, not who asks or what for; pass it as an argument.',
};
const apiRoom = (room, refused, cure) => ({
  files: [`services/api/src/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: `^(\\.\\./)+(${refused.join('|')})/`, message: cure },
          { regex: '^(\\.\\./)+api\\.(module|pipeline|service)', message: 'Only who starts the API knows all of it.' },
        ],
      },
    ],
  },
});

/** The rooms of deploy/cli below its commands, and the folders that each may not import. A folder without a row is a command's. */
const cliCommands = ['up', 'join', 'status', 'images', 'compose', 'secrets', 'dead-letters', 'check', 'test'];
const cliRooms = {
  print: ['installation', 'machine', 'supervisor', 'api', 'replay', ...cliCommands],
  installation: ['machine', 'supervisor', 'api', 'replay', ...cliCommands],
  machine: ['supervisor', 'api', 'replay', ...cliCommands],
  supervisor: ['machine', 'api', 'replay', ...cliCommands],
  replay: ['machine', 'supervisor', 'api', ...cliCommands],
  api: ['machine', 'supervisor', ...cliCommands],
};
const cliCure =
  'deploy/cli/README.md says which room is above which: move what it needs down, or pass it as an argument.';
const cliRoom = ([room, refused]) => ({
  files: [`deploy/cli/src/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ regex: `^(\\.\\./)+(${refused.join('|')})/`, message: cliCure }] },
    ],
  },
});

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/',
      '**/dist/',
      'libs/contracts/src/gen/',
      'native-agent/target/',
      '**/*.mjs',
      '.nx/',
      'test-artifacts/',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    files: ['**/*.ts', '**/*.tsx'],
    plugins: { '@nx': nx },
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.json', 'services/console/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      ...budgets,
      '@nx/enforce-module-boundaries': [
        'error',
        { enforceBuildableLibDependency: false, allow: [], depConstraints: layers },
      ],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      'no-restricted-syntax': ['error', environment],
    },
  },
  {
    files: ['libs/{enrichers,lineage,rules,response}/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: pure,
              message:
                'A domain library is pure: pass what it needs as an argument, keep technology in services/*/adapters.',
            },
          ],
        },
      ],
      'no-restricted-properties': [
        'error',
        {
          object: 'Date',
          property: 'now',
          message: 'No clock but the one passed in: a replay must give the same result.',
        },
      ],
    },
  },
  ...consoleRules(environment),
  ...apiFeatures.map((room) => apiRoom(room, apiFeatures, apiCures.feature)),
  apiRoom('model', apiFeatures, apiCures.model),
  apiRoom('access', ['model', ...apiFeatures], apiCures.access),
  apiRoom('http', ['access', 'model', ...apiFeatures], apiCures.http),
  ...Object.entries(cliRooms).map(cliRoom),
  {
    files: ['libs/config/src/**/*.ts', 'deploy/**/*.ts', 'test/**/*.ts', 'libs/testkit/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    // A test may stand on real parts, whatever layer it tests.
    files: ['**/*.spec.ts', '**/*.test.ts', '{services,libs}/*/test/**/*.ts', 'native-agent/tyr/test/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        { enforceBuildableLibDependency: false, allow: ['@norn/testkit'], depConstraints: layers },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', '**/*.test.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'max-lines': 'off',
    },
  },
);
