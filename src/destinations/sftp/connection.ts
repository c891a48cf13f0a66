/** The session of a store: made when it is needed, and made anew when the last one is over. */
import type { SshHost } from '../../command.ts';
import { Files } from './files.ts';
import { openLine } from './line.ts';
import { Ended, Session } from './session.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export class Connection {
  private current: Promise<Files> | null = null;
  private closed = false;

  /** `patience`: seconds without an answer after which a session is given up. */
  constructor(
    private readonly host: SshHost,
    private readonly environment: Environment,
    private readonly patience: number,
  ) {}

  /** A session that lives. Rejects with Ended where none can be had. */
  async files(): Promise<Files> {
    if (this.closed) throw new Ended('it was closed', 'never');
    const known = this.current;
    const files = await known?.catch(() => null);
    if (files && !files.session.over) return files;
    // Of several who found it gone, the first makes the new one.
    if (this.current === known) this.current = this.begin();
    return await this.current!;
  }

  async close(): Promise<void> {
    this.closed = true;
    const files = await this.current?.catch(() => null);
    await files?.session.close();
  }

  private async begin(): Promise<Files> {
    const line = openLine(this.host, this.environment);
    try {
      const files = new Files(await Session.begin(line, this.patience));
      await files.learn();
      return files;
    } catch (error) {
      await line.end(true);
      throw error;
    }
  }
}
