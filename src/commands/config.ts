import { ExitCode } from '../diagnostic.ts';
import { effectivePlan, promises } from '../plan/config.ts';
import { table } from '../report/human.ts';
import { toYaml } from '../report/yaml.ts';
import type { Host, Invocation } from './command.ts';
import { openPlan } from './plan-file.ts';

/** `runner config`: the plan as it is understood. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlan(invocation, host);
  const { json } = invocation.options;
  if (!invocation.options.promises) {
    const effective = effectivePlan(plan);
    host.terminal.data(json ? `${JSON.stringify(effective, null, 2)}\n` : toYaml(effective));
    return ExitCode.success;
  }
  const rows = promises(plan) as Record<string, unknown>[];
  if (json) host.terminal.data(`${JSON.stringify({ format: 'runner/promises@1', backups: rows }, null, 2)}\n`);
  else host.terminal.data(promisesTable(rows));
  return ExitCode.success;
}

function promisesTable(rows: Record<string, unknown>[]): string {
  const titles = Object.keys(rows[0] ?? {});
  return table(
    titles.map((title) => ({ title: title.replace(/[A-Z]/g, ' $&').toUpperCase() })),
    rows.map((row) => titles.map((title) => cell(row[title]))),
  );
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ');
  if (typeof value === 'object') return cell(Object.entries(value).map(([key, part]) => `${key}: ${cell(part)}`));
  return value === '' ? '-' : String(value);
}
