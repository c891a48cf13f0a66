/** What each `format` of the schemas accepts, and how a message names it. */

const number = {
  minute: '(?:[0-5]?[0-9])',
  hour: '(?:2[0-3]|1[0-9]|0?[0-9])',
  day: '(?:3[01]|[12][0-9]|0?[1-9])',
  month: '(?:1[0-2]|0?[1-9]|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC))',
  weekday: '(?:[0-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))',
};

const field = (value) => {
  const item = `(?:(?:\\*|${value}-${value})(?:/[1-9][0-9]?)?|${value})`;
  return `${item}(?:,${item})*`;
};

const cron = `^${Object.values(number).map(field).join(' +')}$`;

export const formats = {
  name: { pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, expected: 'a name in kebab-case such as nightly-orders' },
  text: { pattern: /^(?=[\s\S]*\S)[^\0]+$/, expected: 'some text' },
  argument: { pattern: /^[^\0]*$/, expected: 'a text' },
  path: { pattern: /^[^\0]+$/, expected: 'a path' },
  'relative-path': {
    pattern: /^(?!\/)(?!(?:[\s\S]*\/)?\.\.(?:\/|$))[^\0]+$/,
    expected: 'a path within the restored data, without ..',
  },
  'gpg-key': { pattern: /^[^\0-][^\0]*$/, expected: 'a key file or a full fingerprint' },
  'age-recipient': { pattern: /^[^\0-][^\0]*$/, expected: 'a public key or a file of public keys' },
  // The bounds keep every duration within what a calendar can count, and every size a safe integer.
  duration: {
    pattern: /^(?:[1-9][0-9]{0,8}[smh]|[1-9][0-9]{0,4}[dwy])$/,
    expected: 'a duration such as 30s, 5m, 6h, 7d, 4w or 1y',
  },
  size: {
    pattern:
      /^(?:[1-9][0-9]{0,11}(?:B|kB|KiB)|[1-9][0-9]{0,8}(?:MB|MiB)|[1-9][0-9]{0,5}(?:GB|GiB)|[1-9][0-9]{0,2}(?:TB|TiB))$/,
    expected: 'a size such as 512KiB, 10MB or 1GiB',
  },
  fraction: { pattern: /^(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?%$/, expected: 'a fraction such as 50%' },
  'size-or-fraction': {
    pattern:
      /^(?:[1-9][0-9]{0,11}(?:B|kB|KiB)|[1-9][0-9]{0,8}(?:MB|MiB)|[1-9][0-9]{0,5}(?:GB|GiB)|[1-9][0-9]{0,2}(?:TB|TiB)|(?:100|[1-9][0-9]?)%)$/,
    expected: 'a size such as 800GiB, or a fraction of "fail" such as 80%',
  },
  cron: { pattern: new RegExp(cron), expected: 'a schedule of five cron fields such as "0 2 * * *"' },
  timezone: {
    pattern: /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/,
    expected: 'a zone such as Europe/Berlin',
  },
  'postgres-setting': {
    pattern: /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?$/,
    expected: 'the name of a server setting such as work_mem',
  },
  // What servers on Unix allow: mongodump and mongorestore refuse the rest, and may not be asked then.
  'mongodb-database': {
    pattern: /^[^/\\. "$\0]{1,63}$/,
    expected: 'the name of a MongoDB database, without a space and any of / \\ . " $',
  },
  variable: { pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, expected: 'the name of an environment variable' },
  'file-name': { pattern: /^(?!\.{1,2}$)[^/\0]+$/, expected: 'the name of a file, without a folder' },
  'file-mode': { pattern: /^0[0-7]{3}$/, expected: 'a file mode in quotes such as "0600"' },
  // `.manifest.json` beside an artifact is its commit record.
  extension: {
    pattern: /^(?!\.manifest)(?:\.[A-Za-z0-9][A-Za-z0-9_-]*){1,4}$/,
    expected: 'an extension such as .ldif',
  },
  'service-name': { pattern: /^[A-Za-z0-9][A-Za-z0-9_.@:-]*$/, expected: 'the name of a unit, container or service' },
  // A leading dash would be read as an option by ssh.
  host: { pattern: /^[A-Za-z0-9_[:][A-Za-z0-9_.:%\]-]*$/, expected: 'the name or address of a host' },
  'ssh-target': {
    pattern: /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_[:][A-Za-z0-9_.:%\]-]*$/,
    expected: 'a host such as backup@db.internal',
  },
  'rclone-remote': {
    pattern: /^[A-Za-z0-9_][A-Za-z0-9_.+@ -]*$/,
    expected: 'the name of a remote as rclone listremotes shows it, without its colon',
  },
  'rclone-path': {
    pattern: /^(?!(?:.*\/)?\.{1,2}(?:\/|$))[^\]\r\n\0]*$/,
    expected: 'a path without ], line breaks, . and ..',
  },
  'rclone-option': { pattern: /^[a-z][a-z0-9_-]*$/, expected: 'an option as it stands in rclone.conf' },
  'rclone-flag': { pattern: /^--[a-z][a-z0-9-]*(=[^\0]*)?$/, expected: 'a flag such as --bwlimit=8M' },
  'azure-account': { pattern: /^[a-z0-9]{3,24}$/, expected: 'the name of a storage account' },
  'http-url': { pattern: /^https?:\/\/[^\s/][^\s]*$/, expected: 'a URL such as http://localhost:8080/health' },
  bucket: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/,
    expected: 'the name of a bucket such as backups-shop',
  },
  'key-prefix': {
    pattern: /^(?!\/)(?!(?:[\s\S]*\/)?\.{0,2}\/)(?!(?:[\s\S]*\/)?\.{1,2}$)[^\0]+$/,
    expected: 'a prefix such as backups/shop, without . and .. and empty parts',
  },
  'git-folder': {
    pattern: /^(?:(?!\.{0,2}\/|\.{1,2}$|\.[gG][iI][tT](?:\/|$))(?:[^/{}\0\n]|\{plan\}|\{backup\})+(?:\/(?!$)|\/?$))+$/,
    expected: 'a folder such as config/{backup}, without a / before it, and without ., .. and .git',
  },
  'storage-class': { pattern: /^[A-Z][A-Z0-9_]*$/, expected: 'a storage class such as STANDARD_IA' },
  'tag-value': {
    pattern: /^[\p{L}\p{Z}\p{N}_.:/=+@-]{0,256}$/u,
    expected: 'letters, digits, spaces and any of _ . : / = + - @',
  },
  'lock-length': {
    pattern: /^(?:retention|[1-9][0-9]{0,8}[smh]|[1-9][0-9]{0,4}[dwy])$/,
    expected: '`retention` or a duration such as 30d',
  },
  'restic-repository': {
    pattern: /^(?:\/|[a-z][a-z0-9]*:)[^\0\n]+$/,
    expected: 'an absolute path, or a repository such as sftp:backup@nas:/srv/restic',
  },
  sha256: { pattern: /^[0-9a-fA-F]{64}$/, expected: '64 hexadecimal digits' },
};
