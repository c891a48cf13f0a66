/** The sentence of an error, without its class or stack. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error whatever was thrown. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** `ENOENT` and the like of a system error, or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
