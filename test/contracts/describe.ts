import { afterAll, beforeAll, describe, it } from 'vitest';
import { type SourceCase, type SourceContext, sourceChecks, startSource } from './source.ts';
import { startTransform, type TransformCase, type TransformContext, transformChecks } from './transform.ts';

/** Runs the whole suite over one configuration of a transform; `make` may prepare keys. */
export function describeTransform(title: string, make: () => Promise<TransformCase> | TransformCase): void {
  describe(title, () => {
    let context: TransformContext;
    beforeAll(async () => {
      context = await startTransform(await make());
    });
    afterAll(() => context?.machine.end());
    for (const check of transformChecks) it(check.name, () => check.run(context));
  });
}

/** Runs the whole suite over one configuration of a source; `make` may prepare its data. */
export function describeSource(title: string, make: () => Promise<SourceCase> | SourceCase): void {
  describe(title, () => {
    let context: SourceContext;
    beforeAll(async () => {
      context = await startSource(await make());
    });
    afterAll(() => context?.machine.end());
    for (const check of sourceChecks) it(check.name, () => check.run(context));
  });
}
