// Lint of the console: the rules of React, and its layers with the cure in the message.
import { readdirSync } from 'node:fs';
import reactHooks from 'eslint-plugin-react-hooks';

const features = readdirSync(new URL('src/features', import.meta.url));

/** Of an import as it is written: the folder it leads into stands in it, wherever the file lies. */
const into = (folders, message) => ({ regex: `(^|/)(${folders.join('|')})/`, message });
const notIntoApp = into(['app'], 'app stands above: what features or shared need of it moves to shared/.');

const split = {
  selector: 'ImportExpression',
  message: 'Pages are fetched apart in app/routes.tsx, which alone knows them all.',
};

/** `restricted` is the syntax that is refused everywhere. */
export const consoleRules = (...restricted) => {
  const layer = (files, ...patterns) => ({
    files: [`services/console/src/${files}`],
    rules: {
      'no-restricted-imports': ['error', { patterns }],
      'no-restricted-syntax': ['error', ...restricted, split],
    },
  });
  return [
    {
      files: ['services/console/src/**'],
      ...reactHooks.configs.flat.recommended,
      rules: {
        ...reactHooks.configs.flat.recommended.rules,
        // It says what React Compiler would leave as it is; the console is built without that compiler.
        'react-hooks/incompatible-library': 'off',
      },
    },
    layer(
      'shared/**',
      notIntoApp,
      into(['features'], 'shared knows no feature: pass it what it needs, or move the part into the feature.'),
    ),
    ...features.map((name) =>
      layer(
        `features/${name}/**`,
        notIntoApp,
        into(
          features.filter((other) => other !== name),
          'A feature imports no other feature: move what both need to shared/.',
        ),
      ),
    ),
  ];
};
