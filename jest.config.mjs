// Unit tests stand beside what they test (*.spec.ts); tests of the whole stand in test/ (*.test.ts).
import { requireNode } from './deploy/runtime/require-node.mjs';

requireNode();
// Nx asks for colours in what its targets start, and with them a test would read what it does not expect.
delete process.env.FORCE_COLOR;

const swc = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: 'es2024',
    keepClassNames: true,
  },
  module: { type: 'commonjs' },
};

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/native-agent/tyr', '<rootDir>/deploy', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts', '**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalTeardown: '<rootDir>/libs/testkit/src/end-docker.ts',
  modulePathIgnorePatterns: ['<rootDir>/native-agent/target'],
  transform: { '^.+\\.[mc]?tsx?$': ['@swc/jest', swc], '^.+\\.m?js$': ['@swc/jest', swc] },
  // What is an ES module alone becomes CommonJS, as the sources do.
  transformIgnorePatterns: ['/node_modules/(?!(@norn|p-queue)/)'],
  // How long a test takes says nothing: on a machine with much else to do, many times as long. One that hangs ends here, ms.
  testTimeout: 300_000,
  extensionsToTreatAsEsm: [],
};
