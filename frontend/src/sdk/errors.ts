import type { Error as ErrorFrame } from "./frames.ts";

export type ErrorCode =
  | ErrorFrame["code"]
  /** There is no connection; nothing was sent. */
  | "offline"
  /** The connection ended before the answer came: the outcome is unknown. */
  | "lost";

/** What the server, or the lack of it, made of a request. `message` is for people, in the server's words. */
export class ChatError extends Error {
  override readonly name = "ChatError";
  readonly code: ErrorCode;
  /** Seconds after which a repetition makes sense. */
  readonly retryAfter: number | null;
  /** The HTTP status, where HTTP was spoken. */
  readonly status: number | null;

  constructor(code: ErrorCode, message: string, more: { retryAfter?: number | undefined; status?: number } = {}) {
    super(message);
    this.code = code;
    this.retryAfter = more.retryAfter ?? null;
    this.status = more.status ?? null;
  }

  static of(frame: ErrorFrame): ChatError {
    return new ChatError(frame.code, frame.message, { retryAfter: frame.retry_after });
  }
}
