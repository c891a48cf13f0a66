/** Passwords that no name stands before: in command lines, and in lines whose words have an order of their own. */

const quotedOr = String.raw`("[^"]*"|'[^']*'|\S+)`;

/** The first group is the password, in quotes or not. */
const lines: readonly RegExp[] = [
  /\bmachine\s+\S+.*\bpassword\s+(\S+)/,
  /(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']+:([^\s"']+)/,
  new RegExp(String.raw`\b(?:mysql|mariadb)[\w-]*\s(?:.*\s)?-p${quotedOr}`),
  new RegExp(String.raw`\bsshpass\s+-p\s*${quotedOr}`),
  // Redis: what it may do follows, or stands before.
  /^\s*user\s+\S+\s(?:.*\s)?>(\S+)/,
  new RegExp(String.raw`^\s*createUser\s+\S+\s+\S+\s+${quotedOr}`),
  /\bAuthInfo:.*"P:([^"]+)"/,
];

/** The passwords of a line, as they stand there. */
export function passwordsIn(line: string): string[] {
  return lines.flatMap((pattern) => pattern.exec(line)?.[1] ?? []);
}
