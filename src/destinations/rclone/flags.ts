/** Flags that a plan may add, and those that are ours. */

/** What decides where and how the runner itself speaks to rclone, or would change what a backup is. */
const ours =
  /^--(config|password-command|ask-password|rc(-.*)?|dry-run|interactive|immutable|ignore-existing|include.*|exclude.*|filter.*|files-from.*|max-age|min-age|max-size|min-size|max-depth|hash-filter|metadata.*|log-.*|syslog.*|use-json-log|quiet|verbose|offset|count|head|tail|discard|daemon.*|backup-dir|suffix.*|use-server-modtime|stats.*|progress.*)(=|$)/;

/** Why a flag is refused, or null. One flag is one text: `--bwlimit=8M`. */
export function flagProblem(flag: string): string | null {
  if (!flag.startsWith('--')) return `"${flag}" is no flag: each is one text such as "--bwlimit=8M"`;
  return ours.test(flag) ? `"${flag}" is the runner's own matter, and is not passed on` : null;
}
