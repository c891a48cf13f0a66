/** One line of what `doctor` found. */
export type Health = 'ok' | 'warning' | 'problem';

export type Examined = { check: string; subject: string; health: Health; message: string };

/** Runs one check; whatever it throws is its problem, in one sentence. */
export async function examine(
  check: string,
  subject: string,
  look: () => Promise<string | { health: Health; message: string }>,
): Promise<Examined> {
  try {
    const found = await look();
    return typeof found === 'string' ? { check, subject, health: 'ok', message: found } : { check, subject, ...found };
  } catch (error) {
    return { check, subject, health: 'problem', message: (error as Error).message.split('\n', 1)[0]! };
  }
}
