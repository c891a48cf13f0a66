import type { Opening } from '../../src/destination.ts';

/** What a test opens a destination with: this process's environment, and secrets by name. */
export function opening(secrets: Readonly<Record<string, string>> = {}, more: Partial<Opening> = {}): Opening {
  const readSecret = async (name: string) => secrets[name] ?? '';
  return { readSecret, environment: process.env, purpose: 'use', ...more };
}
