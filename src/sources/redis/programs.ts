import type { Facts } from '../../kind.ts';

const tools = { cli: 'cli', server: 'server', check: 'check-rdb' } as const;
type Tool = keyof typeof tools;

/** Both names of each program: Valkey speaks the same protocol and reads the same files. */
export const programNames = ['redis', 'valkey'].flatMap((brand) =>
  Object.values(tools).map((name) => `${brand}-${name}`),
);

/**
 * The program as it is found there; null where there is neither. The server's own brand goes first, then what is not older than
 * the server: Valkey counts on from 7.2, so a newer number reads what an older one wrote.
 */
export function found(facts: Facts, which: Tool): string | null {
  const brands = facts.survey?.data.brand === 'valkey' ? ['valkey', 'redis'] : ['redis', 'valkey'];
  const names = brands.map((brand) => `${brand}-${tools[which]}`).filter((name) => facts.programs[name]);
  const able = names.find((name) => !isOlder(versionNumbers(facts.programs[name]?.version), serverVersion(facts)));
  return able ?? names[0] ?? null;
}

/** Its name, also where it is missing: then starting it says so. */
export function tool(facts: Facts, which: Tool): string {
  return found(facts, which) ?? `redis-${tools[which]}`;
}

/** `7.0.15` of `Redis server v=7.0.15 sha=...` or `redis-cli 7.0.15`, as numbers; empty when nothing is told. */
export function versionNumbers(text: string | null | undefined): number[] {
  return (/\d+(?:\.\d+)+/.exec(text ?? '')?.[0] ?? '').split('.').filter(Boolean).map(Number);
}

/** Whether the first is older in its major or minor version, by which the format of the files goes. What is unknown is not. */
export function isOlder(left: number[], right: number[]): boolean {
  if (left.length === 0 || right.length === 0) return false;
  const [major = 0, minor = 0] = left;
  const [wantedMajor = 0, wantedMinor = 0] = right;
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

/** The version of the live server, or of the one that made the artifact. */
export function serverVersion(facts: Facts): number[] {
  return versionNumbers(facts.survey?.version ?? facts.made?.version);
}
