/** What a plan says of a Git destination, and what follows from it where it says nothing. */
import { RunnerError } from '../../diagnostic.ts';

export type GitSpec = {
  repository: string;
  branch?: string;
  path?: string;
  author?: string;
  message?: string;
  key?: string;
  'known-hosts'?: string;
  user?: string;
  token?: { secret: string };
  refuse?: string[];
  'allow-secrets'?: Record<string, string>;
  state?: string;
  cache?: string;
};

export const branchRef = (spec: GitSpec): string => `refs/heads/${spec.branch ?? 'main'}`;

/** Where the bookkeeping lies: beside the branches, so that nobody who reads them meets it. */
export const stateRef = (spec: GitSpec): string => spec.state ?? `refs/runner/${spec.branch ?? 'main'}`;

/** The folder in the branch's tree that shows a backup. */
export function folderOf(spec: GitSpec, plan: string, backup: string): string {
  return fill(spec.path ?? '{backup}', { plan, backup }).replace(/^\/+|\/+$/g, '');
}

export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** Throws RunnerError for what a schema cannot see. */
export function checkSpec(name: string, spec: GitSpec): void {
  const refuse = (what: string) => {
    throw new RunnerError(`Destination ${name}: ${what}.`);
  };
  if (/^[a-z+]+:\/\/[^/@:]*:[^/@]+@/i.test(spec.repository))
    refuse('"repository" holds a password: put it into secrets, and { secret: its name } into "token"');
  if (spec.repository.startsWith('-') || /^(?:ext|fd)::/.test(spec.repository))
    refuse(`"repository" is no address of a repository: ${spec.repository}`);
  for (const ref of [branchRef(spec), stateRef(spec)])
    if (!/^refs(?:\/(?!\.)[\w.+@-]+(?<!\.lock)(?<!\.))+$/.test(ref) || /\.\.|@\{/.test(ref))
      refuse(`"${ref}" is no name that Git allows for a branch or ref`);
  if (branchRef(spec) === stateRef(spec)) refuse('"state" is the branch itself: give it another name');
  const folder = folderOf(spec, 'plan', 'backup');
  if (folder === '' || folder.split('/').some((part) => part === '' || /^\.{1,2}$|^\.git$/i.test(part)))
    refuse('"path" must be a folder in the tree, so that what others keep beside it stays as it is');
}
