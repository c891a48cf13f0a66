import { render } from '../../bind.ts';
import type { Command, Place } from '../../command.ts';
import { type Client, clientArgv, clientOf } from '../remote-client.ts';
import { bindPlace } from '../remote-launch.ts';
import type { PerformContext } from '../task-context.ts';
import type { RunContext } from './context.ts';

/**
 * A command as the guard can run it when we are dead: in its usual folder, with its own variables, but without secrets; elsewhere
 * by its place's own client. Rejects where that place cannot be reached even now.
 */
export async function standalone(
  { argv, env, cwd, inheritEnvironment, place }: Command,
  run: RunContext,
  { lookup }: PerformContext,
): Promise<string[]> {
  const variables = Object.entries(env ?? {}).flatMap(([name, value]) =>
    typeof value === 'object' && ('secret' in value || 'text' in value) ? [] : [`${name}=${render(value, lookup)}`],
  );
  const usual = (inheritEnvironment || place ? run.host.directory : undefined) ?? process.cwd();
  const words = ['env', ...variables, ...argv.map((argument) => render(argument, lookup))];
  const whole = place ? clientArgv(await clientFor(bindPlace(place, lookup), run), words) : words;
  const folder = cwd === undefined || place ? usual : render(cwd, lookup);
  return ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', folder, ...whole];
}

/** Our shared connection dies with us. */
async function clientFor(place: Place, { host, connections }: RunContext): Promise<Client> {
  if ('ssh' in place) return await clientOf(place, { control: null }, host.environment);
  return await connections.reach(place);
}
