import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { Terminal } from '../report/terminal.ts';

/** Prints an error for a person and gives its exit code. A fault of ours is one sentence; its details go to a file. */
export async function reportError(error: unknown, terminal: Terminal): Promise<ExitCode> {
  if (error instanceof RunnerError) {
    if (error.diagnostics.length > 0) {
      const { printDiagnostics } = await import('../plan/print.ts');
      terminal.say(printDiagnostics([...error.diagnostics], { color: terminal.color }));
    }
    if (error.message !== '') terminal.say(`runner: ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? error.message : String(error);
  terminal.say(`runner: an unexpected fault: ${text.split('\n', 1)[0]} (${keepDetails(error)})\n`);
  return ExitCode.unexpected;
}

/** The whole error in a private file of its own: a stack trace helps whoever mends this and nobody else. */
function keepDetails(error: unknown): string {
  try {
    const file = join(mkdtempSync(join(tmpdir(), 'runner-fault-')), 'details.txt');
    writeFileSync(file, `${inspect(error, { depth: 4 })}\n`, { mode: 0o600 });
    return `details: ${file}`;
  } catch (fault) {
    return `details could not be written: ${(fault as Error).message}`;
  }
}
