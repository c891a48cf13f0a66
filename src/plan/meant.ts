/** What somebody who wrote something else most likely means. */

const unitWords = /^([1-9][0-9]*)\s*(?:(s)(?:ec\w*)?|(m)(?:in\w*)?|(h)\w*|(d)(?:ay\w*)?|(w)\w*|(y)\w*)$/i;

const cronWords: Record<string, string> = {
  hourly: '0 * * * *',
  daily: '0 2 * * *',
  weekly: '0 2 * * 0',
  monthly: '0 2 1 * *',
  yearly: '0 2 1 1 *',
};

const byFormat: Record<string, (value: string) => string | undefined> = {
  duration: (value) => {
    const [, amount, ...units] = unitWords.exec(value) ?? [];
    return amount && `${amount}${units.find(Boolean)!.toLowerCase()}`;
  },
  size: (value) => {
    const [, amount, unit, rest] = /^([1-9][0-9]*)\s*([kmgt])(i?b?)$/i.exec(value) ?? [];
    if (!amount) return undefined;
    if (rest!.toLowerCase() !== 'b') return `${amount}${unit!.toUpperCase()}iB`;
    return `${amount}${unit!.toLowerCase() === 'k' ? 'k' : unit!.toUpperCase()}B`;
  },
  name: (value) => {
    const name = value
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
    return name === '' || name.length > 63 ? undefined : name;
  },
  'file-mode': (value) => (/^[0-7]{3}$/.test(value) ? `0${value}` : undefined),
  cron: (value) => cronWords[value.replace(/^@/, '')],
};

/** What `7 days`, `10mb`, `My Orders` or `@daily` stand for where a format is wanted. */
export function meantByText(format: string, value: string): string | undefined {
  return Object.hasOwn(byFormat, format) ? byFormat[format]!(value) : undefined;
}

/** What is wanted where a value of another type stands: its type, its format and, for a list, the definition of its items. */
export type Shape = { type?: string | string[] | undefined; format?: string | undefined; items?: { $ref?: string } };

/** `disk` where a list is wanted, `yes` for true, `50` for a fraction. */
export function meantByValue(value: unknown, { type, format, items }: Shape): string | undefined {
  const types = [type ?? []].flat();
  if (typeof value === 'number' && format === 'fraction') return fraction(value);
  if (typeof value !== 'string') return undefined;
  if (types.includes('boolean'))
    return /^(?:y|yes|on)$/i.test(value) ? 'true' : /^(?:n|no|off)$/i.test(value) ? 'false' : undefined;
  if (!types.includes('array') || value.length > 40 || /[[\]{}]/.test(value)) return undefined;
  if (!items?.$ref?.endsWith('/argument')) return `[${value}]`;
  return /^[\w@%+=:./ -]+$/.test(value) ? `[${value.trim().split(/ +/).join(', ')}]` : undefined;
}

/** `0.5` is a half; of a whole number up to 9 nobody knows whether it is per cent. */
function fraction(value: number): string | undefined {
  if (value > 0 && value < 10 && !Number.isInteger(value)) return `${Number((value * 100).toFixed(6))}%`;
  return value >= 10 && Number.isInteger(value) ? `${value}%` : undefined;
}
