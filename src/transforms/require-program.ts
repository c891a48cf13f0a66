import type { Requirement } from '../graph.ts';

/** The requirement of a program that Debian and Homebrew have, with the line that installs it. */
export function requireProgram(program: string, why: string, packages: { debian: string; brew: string }): Requirement {
  const { debian, brew } = packages;
  return { need: 'program', program, why, hint: `apt-get install ${debian}, or: brew install ${brew}` };
}
