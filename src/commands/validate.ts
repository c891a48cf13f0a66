import { ExitCode, RunnerError } from '../diagnostic.ts';
import { printDiagnostics } from '../plan/print.ts';
import { readPlan } from '../plan/read.ts';
import { count } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { planFile } from './plan-file.ts';

/** `runner validate`: every problem of a plan at once. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const file = planFile(invocation, host);
  const { json, quiet } = invocation.options;
  const { terminal, environment } = host;
  try {
    const { resolved, warnings } = await readPlan(file, { environment });
    if (json) terminal.data(asJson(file, true, warnings));
    else if (!quiet || warnings.length > 0) {
      terminal.say(printDiagnostics(warnings, { color: terminal.color }));
      const places = Object.keys(resolved.destinations).length;
      const sizes = `${count(resolved.backups.length, 'backup')}, ${count(places, 'destination')}`;
      if (!quiet) terminal.data(`${file} is valid: plan ${resolved.name}, ${sizes}\n`);
    }
    return ExitCode.success;
  } catch (error) {
    if (!json || !(error instanceof RunnerError)) throw error;
    terminal.data(asJson(file, false, error.diagnostics, error.message));
    return error.exitCode;
  }
}

function asJson(file: string, valid: boolean, diagnostics: readonly unknown[], message?: string): string {
  const about = message === undefined ? {} : { message };
  return `${JSON.stringify({ format: 'runner/validate@1', file, valid, ...about, diagnostics }, null, 2)}\n`;
}
