/** What programs there are in an image: a throw-away container of it is asked. */
import { execFile } from 'node:child_process';
import type { Site } from './compile/facts.ts';
import { scratchUser } from './compile/scratch.ts';
import type { SiteHost } from './programs.ts';

/** Milliseconds: the image may have to be fetched. */
const imageTime = 600_000;

/** Prints `name<TAB>path<TAB>version` of each program found on PATH and in the folders, whose `*` the shell fills in. */
const script = String.raw`
count=$1; shift; folders=
while [ "$count" -gt 0 ]; do
  for folder in $1; do [ -d "$folder" ] && folders="$folders:$folder"; done
  shift; count=$((count - 1))
done
for name in "$@"; do
  IFS=:
  for folder in $PATH$folders; do
    file=$folder/$name
    [ -f "$file" ] && [ -x "$file" ] || continue
    version=$("$file" --version 2>/dev/null </dev/null) || version=
    printf '%s\t%s\t%s\n' "$name" "$file" "${'$'}{version%%
*}"
  done
done
exit 0
`;

/** Throws an Error with a sentence where no container of it can be started. */
export async function imageFacts(
  names: readonly string[],
  folders: readonly string[],
  image: string,
  { environment }: SiteHost,
): Promise<Site> {
  const run = ['run', '--rm', '--pull=missing', '--network=none', `--user=${scratchUser}:${scratchUser}`];
  const shell = ['--entrypoint=sh', image, '-c', script, 'sh'];
  const printed = await docker(
    [...run, ...shell, String(folders.length), ...folders, ...new Set(names)],
    environment,
    image,
  );
  const found = printed.split('\n').flatMap((line) => {
    const [name, path, version = ''] = line.split('\t');
    return name && path ? [{ name, path, version: version.trim() }] : [];
  });
  const installed = Object.fromEntries(
    names.map((name) => {
      const all = found.filter((one) => one.name === name).map(({ path, version }) => ({ path, version }));
      return [name, all.filter(({ path }, index) => all.findIndex((one) => one.path === path) === index)];
    }),
  );
  const programs = Object.fromEntries(names.map((name) => [name, installed[name]?.[0] ?? null]));
  return { programs, installed };
}

function docker(argv: string[], environment: SiteHost['environment'], image: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...environment }, timeout: imageTime, encoding: 'utf8' as const };
    execFile('docker', argv, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const isMissing = 'code' in error && error.code === 'ENOENT';
      const said = stderr.trim().split('\n').at(-1) || error.message.split('\n')[0];
      const why = isMissing ? 'the program docker is missing' : said;
      reject(new Error(`no throw-away server can run in the image ${image}: ${why}`));
    });
  });
}
