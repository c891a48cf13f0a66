import type { SourceFiles as FilesSpec } from '../../plan/generated/types.ts';

/**
 * A pattern without a slash in front holds for names at any depth, as tar has it. One that begins with `/` means that
 * one place; in the archive it is called from `base` on, and below `./` where the base itself is taken.
 */
export function exclusions(spec: FilesSpec, base: string): string[] {
  const folder = base.endsWith('/') ? base : `${base}/`;
  const strip = (pattern: string) => (pattern.length > 1 ? pattern.replace(/\/+$/, '') : pattern);
  const patterns = (spec.exclude ?? []).map(strip);
  const anywhere = patterns.filter((pattern) => !pattern.startsWith('/'));
  const places = patterns
    .filter((pattern) => pattern.startsWith(folder))
    .map((pattern) => pattern.slice(folder.length))
    .flatMap((pattern) => [pattern, `./${pattern}`]);
  return [
    ...anywhere.map((pattern) => `--exclude=${pattern}`),
    ...(places.length > 0 ? ['--anchored', ...places.map((pattern) => `--exclude=${pattern}`)] : []),
  ];
}
