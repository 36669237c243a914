/** The HTTP API: JSON under /api/v1, whose problems (RFC 9457) become `ChatError`s. */
import { ChatError, type ErrorCode } from "./errors.ts";
import { defaultFetch, type Fetch } from "./platform.ts";

export interface ApiOptions {
  /** The server's address, such as `https://chat.example.com/`. */
  readonly server: string | URL;
  readonly fetch?: Fetch | undefined;
  /** For each call: `Authorization`, `X-CSRFToken` and the like. */
  readonly headers?: () => Record<string, string>;
  /** Whether cookies go along; "same-origin" on the server's own pages. */
  readonly cookies?: boolean;
}

interface Problem {
  readonly code?: ErrorCode;
  readonly title?: string;
  readonly detail?: string;
  readonly retry_after?: number;
}

export class Api {
  private readonly options: ApiOptions;

  constructor(options: ApiOptions) {
    this.options = options;
  }

  /** `path` is relative to `/api/v1/`. Throws `ChatError`; `offline` when there was no answer at all. */
  async call<T = void>(method: string, path: string, body?: unknown): Promise<T> {
    const { server, fetch = defaultFetch, headers = () => ({}), cookies = false } = this.options;
    const response = await fetch(address(server, `api/v1/${path}`), {
      method,
      headers: { ...headers(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      credentials: cookies ? "same-origin" : "omit",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new ChatError("offline", "The server cannot be reached.");
    });
    if (response.status === 204) return undefined as T;
    const data = await response.json().catch(() => ({}));
    if (response.ok) return data as T;
    throw problemOf(response.status, data);
  }
}

/** Of an answer that is no success; `data` is its body where that is JSON. */
export function problemOf(status: number, data: unknown): ChatError {
  const problem = (data ?? {}) as Problem;
  const detail = problem.detail ?? problem.title ?? "";
  return new ChatError(problem.code ?? codeOf(status), detail, { retryAfter: problem.retry_after, status });
}

/** `path` under the server's address, which may have a path of its own. */
export function address(server: string | URL, path: string): string {
  const base = String(server);
  return new URL(path, base.endsWith("/") ? base : `${base}/`).href;
}

/** Of an answer that is no problem document: a proxy's. */
function codeOf(status: number): ErrorCode {
  const codes: Record<number, ErrorCode> = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    429: "rate_limited",
  };
  return codes[status] ?? (status >= 500 ? "unavailable" : "invalid");
}
