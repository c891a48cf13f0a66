/** Units of a service manager, since none runs here. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { programPath } from '../../helpers/programs.ts';

/**
 * A `systemctl` for PATH: each unit is a pair of shell scripts. Whether it runs stands in a file
 * `UNIT.up`, and what was asked for in `calls`.
 */
export function makeUnits(folder: string, units: Record<string, { start: string; stop: string }>) {
  mkdirSync(folder, { recursive: true });
  for (const [unit, scripts] of Object.entries(units)) {
    for (const verb of ['start', 'stop'] as const) writeFileSync(join(folder, `${unit}.${verb}`), scripts[verb]);
    writeFileSync(join(folder, `${unit}.up`), '');
  }
  const systemctl = join(folder, 'systemctl');
  writeFileSync(
    systemctl,
    `#!/bin/sh
[ "$2" = -- ] && [ -f "${folder}/$3.$1" ] || { echo "no unit $3" >&2; exit 5; }
echo "$1 $3" >>"${folder}/calls"
sh -eu "${folder}/$3.$1" || exit 1
if [ "$1" = start ]; then : >"${folder}/$3.up"; else rm -f "${folder}/$3.up"; fi
`,
  );
  chmodSync(systemctl, 0o755);
  return {
    path: [folder, programPath].join(delimiter),
    runs: (unit: string) => existsSync(join(folder, `${unit}.up`)),
  };
}
