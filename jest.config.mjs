// Unit tests stand beside what they test (*.spec.ts); tests of the whole stand in test/ (*.test.ts).
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
  testPathIgnorePatterns: ['/node_modules/', '/services/console/'],
  modulePathIgnorePatterns: ['<rootDir>/native-agent/target'],
  transform: { '^.+\\.[mc]?tsx?$': ['@swc/jest', swc], '^.+\\.m?js$': ['@swc/jest', swc] },
  transformIgnorePatterns: ['/node_modules/(?!(@norn)/)'],
  extensionsToTreatAsEsm: [],
};
