/** Passwords as rclone wants them: it takes them only in a reversible form of its own. */
import { RunnerError } from '../../diagnostic.ts';
import { Fault, lastWords } from './faults.ts';

type Provider = { Name: string; Prefix?: string; Options: { Name: string; IsPassword?: boolean }[] };

/** Which options of a backend are passwords. */
export async function passwordOptions(type: string, environment: Record<string, string>): Promise<Set<string>> {
  const providers = JSON.parse(await output(['config', 'providers'], '', environment)) as Provider[];
  const provider = providers.find(({ Name, Prefix }) => Name === type || Prefix === type);
  if (!provider) throw new RunnerError(`This rclone knows no backend "${type}": see rclone help backends.`);
  return new Set(provider.Options.filter((option) => option.IsPassword).map((option) => option.Name));
}

export async function obscured(password: string, environment: Record<string, string>): Promise<string> {
  return (await output(['obscure', '-'], password, environment)).trim();
}

async function output(argv: string[], input: string, environment: Record<string, string>): Promise<string> {
  const { execa } = await import('execa');
  const result = await execa('rclone', argv, {
    env: environment,
    extendEnv: false,
    reject: false,
    input,
    timeout: 30_000,
    maxBuffer: 50_000_000,
  });
  if (result.exitCode !== 0) throw new Fault(lastWords(result.stderr) || `rclone ${argv[0]} gave no answer`);
  return result.stdout;
}
