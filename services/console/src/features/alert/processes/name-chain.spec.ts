// What a process is called.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { nameChain } from './name-chain.ts';

const named = (...images: (readonly [string, string])[]) =>
  nameChain(create(view.ProcessViewSchema, { images: images.map(([path, commandLine]) => ({ path, commandLine })) }));

it('is the last image, with its arguments, after those before it', () => {
  expect(named(['/bin/sh', 'sh -c x'], ['/usr/bin/curl', 'curl -s http://x'])).toEqual({
    before: ['sh'],
    now: 'curl',
    rest: '-s http://x',
  });
});

it('says an image once that ran twice in a row, and the last three of many', () => {
  const many = ['a', 'b', 'b', 'c', 'd', 'e'].map((name) => [`/bin/${name}`, name] as const);
  expect(named(...many)).toMatchObject({ before: ['b', 'c', 'd'], now: 'e' });
});

it('takes the command for an image without a path, and is unknown without images', () => {
  expect([named(['', 'nc -l 1']).now, named().now]).toEqual(['nc', 'unknown']);
});
