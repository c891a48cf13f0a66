/** The MAC of a manifest: what a passphrase costs is paid once in a run. */
import { expect, it } from 'vitest';
import { macProblem, withMac } from '../../../src/catalog/authenticity.ts';
import type { Manifest } from '../../../src/catalog/format.ts';
import { sampleManifest } from './sample.ts';

async function timed<Result>(act: () => Promise<Result>): Promise<[Result, number]> {
  const began = performance.now();
  return [await act(), performance.now() - began];
}

it('derives the key of a manifest once, however often its copies are opened', async () => {
  const [text, first] = await timed(() => withMac(sampleManifest(), { passphrase: 'a', iterations: 2_000_000 }));
  const { mac } = JSON.parse(text) as Manifest;
  const [problem, again] = await timed(() => macProblem(Buffer.from(text), mac!, 'a'));
  expect(problem).toBeNull();
  expect(again).toBeLessThan(first / 5);
  expect(await macProblem(Buffer.from(text), mac!, 'b')).toContain('the passphrase is another one');
});
